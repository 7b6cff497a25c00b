#include "policy/sign.h"
