"""Idempotency-Keys as they are stored: in buckets of six hours, at the edge of one in two of them."""


def age_keys(db, app_id=0):
    """Puts the keys of an application (0: of none) where those of the bucket before are. How many."""
    db.execute("delete from idempotency i using idempotency o where o.app_id = i.app_id and o.key = i.key"
               " and o.bucket < i.bucket and i.app_id = %s", [app_id])
    return db.execute("update idempotency set bucket = floor(extract(epoch from now()) / 21600)::int4 - 1"
                      " where app_id = %s", [app_id]).rowcount
