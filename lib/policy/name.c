#include "policy/name.h"
