-- wrk: one event of about 950 bytes, as a producer's SDK sends it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. string.rep("t", 64)
wrk.headers["User-Agent"] = "posthorn-bench/1"
wrk.body = '{"eventType":"invoice.paid","payload":{"pad":"' .. string.rep("x", 900) .. '"}}'
