#include "policy/slice.h"
