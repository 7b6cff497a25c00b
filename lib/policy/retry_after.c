#include "policy/retry_after.h"
