#include "policy/backoff.h"
