#include "policy/filter.h"
