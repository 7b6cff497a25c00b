#include "base/b64.h"
