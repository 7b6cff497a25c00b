#include "pg/migrate.h"
