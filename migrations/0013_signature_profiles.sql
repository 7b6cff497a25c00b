-- Deliveries that are signed, or told, in another way than Standard Webhooks.

alter table endpoint
    add column signature_profile text,  -- lib/policy/profile.h; null: Standard Webhooks
    add column signature_template text, -- JSON; of the profile "custom" only
    add column format text;             -- cloudevents-binary, cloudevents-structured; null: the payload as it is
