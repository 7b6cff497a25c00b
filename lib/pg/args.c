#include "pg/pg.h"
