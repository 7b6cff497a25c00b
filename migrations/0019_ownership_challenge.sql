-- Whether the subscriber owns that URL. Nothing is sent to an endpoint with a challenge before its URL has
-- answered it (docs/adr/0015-ownership-challenge.md).

alter table app
    add column endpoint_challenge text; -- of endpoints that are made or moved from now on: slack, cloudevents; null: none

alter table endpoint
    add column challenge text,          -- slack, cloudevents; null: none
    add column verified_at timestamptz, -- when this URL has answered it; null: it has not
    add column challenge_error text,    -- why the last one failed; null: it did not
    add column challenge_rate int,      -- deliveries a second that the answer allows; null: any
    add column unverified bool not null
        generated always as (challenge is not null and verified_at is null) stored;
