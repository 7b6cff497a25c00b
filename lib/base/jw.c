#include "base/jw.h"
