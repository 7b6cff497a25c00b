//! verify: reads lines of JSON {"secret", "headers", "body" in base64} and prints for each what the
//! reference library of Standard Webhooks says of it: "accepted", or "refused" and why.
use std::{collections::HashMap, error::Error, io};

use base64::{engine::general_purpose::STANDARD, Engine};
use http::HeaderMap;
use serde::Deserialize;
use standardwebhooks::Webhook;

#[derive(Deserialize)]
struct Delivery {
    secret: String,
    headers: HashMap<String, String>,
    body: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        let delivery: Delivery = serde_json::from_str(&line?)?;
        let headers = HeaderMap::try_from(&delivery.headers)?;
        let body = STANDARD.decode(&delivery.body)?;
        match Webhook::new(&delivery.secret)?.verify(&body, &headers) {
            Ok(()) => println!("accepted"),
            Err(error) => println!("refused: {error}"),
        }
    }
    Ok(())
}
