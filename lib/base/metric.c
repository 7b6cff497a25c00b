#include "base/metric.h"
