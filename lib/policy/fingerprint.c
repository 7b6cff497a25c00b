#include "policy/fingerprint.h"
