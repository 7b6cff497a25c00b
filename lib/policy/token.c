#include "policy/token.h"
