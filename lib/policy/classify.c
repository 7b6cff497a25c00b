#include "policy/classify.h"
