//! tour URL TOKEN RECEIVER: what a user of the Rust SDK does, from the first call to the last. Prints a
//! line "step result" for each; an error of the SDK ends it.
use std::{collections::BTreeMap, error::Error, future::Future, time::Duration, time::Instant};

use svix::{
    api::{Svix, SvixOptions},
    models::{
        AppPortalAccessIn, ApplicationIn, BackgroundTaskStatus, EndpointHeadersIn, EndpointIn,
        EndpointPatch, EndpointSecretRotateIn, EventTypeIn, MessageIn, MessageOut, RecoverIn,
    },
};

const DEADLINE: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One client's application and endpoint.
struct Tour {
    svix: Svix,
    event_type: String,
    app: String,
    endpoint: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, server, token, receiver] = &arguments[..] else {
        return Err("usage: tour URL TOKEN RECEIVER".into());
    };
    let tour = Tour::create(client(server, token), receiver).await?;
    let first = tour.send(1).await?;
    say("message", [&first.id]);
    say("by-message", tour.answers(&first.id, 1).await?);
    tour.list().await?;
    tour.headers().await?;
    tour.rotate().await?;
    let (app, message, endpoint) = (tour.app.clone(), first.id.clone(), tour.endpoint.clone());
    tour.svix.message_attempt().resend(app, message, endpoint, None).await?;
    say("resend", tour.answers(&first.id, 2).await?);
    tour.recover(&first).await?;
    tour.portal(server).await?;
    tour.delete().await
}

fn client(server: &str, token: &str) -> Svix {
    let options = SvixOptions { server_url: Some(server.to_owned()), ..Default::default() };
    Svix::new(token.to_owned(), Some(options))
}

impl Tour {
    async fn create(svix: Svix, receiver: &str) -> Result<Self> {
        let app = svix.application().create(ApplicationIn::new("tour".into()), None).await?.id;
        say("application", [&app]);
        let name = format!("tour.{}", std::process::id());
        let event_type = EventTypeIn::new(name, "of the tour".into());
        let event_type = svix.event_type().create(event_type, None).await?.name;
        say("event-type", [&event_type]);
        let mut wanted = EndpointIn::new(receiver.to_owned());
        wanted.event_types = Some([event_type.clone()].into());
        let endpoint = svix.endpoint().create(app.clone(), wanted, None).await?.id;
        say("endpoint", [&endpoint]);
        let secret = svix.endpoint().get_secret(app.clone(), endpoint.clone()).await?;
        say("secret", [secret.key]);
        Ok(Self { svix, event_type, app, endpoint })
    }

    async fn send(&self, n: i32) -> Result<MessageOut> {
        let message = MessageIn::new(self.event_type.clone(), serde_json::json!({ "n": n }));
        Ok(self.svix.message().create(self.app.clone(), message, None).await?)
    }

    /// The status codes of a message's attempts, oldest first, as soon as there are that many.
    async fn answers(&self, message: &str, count: usize) -> Result<Vec<i16>> {
        until(|| async {
            let (app, message) = (self.app.clone(), message.to_owned());
            let page = self.svix.message_attempt().list_by_msg(app, message, None).await?;
            let codes = page.data.iter().rev().map(|attempt| attempt.response_status_code);
            Ok((page.data.len() >= count).then(|| codes.collect()))
        })
        .await
    }

    async fn list(&self) -> Result<()> {
        let (app, endpoint) = (self.app.clone(), self.endpoint.clone());
        let attempts = self.svix.message_attempt().list_by_endpoint(app, endpoint, None).await?;
        say("by-endpoint", attempts.data.iter().map(|attempt| &attempt.msg_id));
        let messages = self.svix.message().list(self.app.clone(), None).await?;
        say("messages", messages.data.iter().map(|message| &message.id));
        Ok(())
    }

    async fn headers(&self) -> Result<()> {
        let wanted = [("X-Tour", "rust"), ("Authorization", "a secret")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wanted = EndpointHeadersIn::new(BTreeMap::from(wanted));
        let (app, endpoint) = (self.app.clone(), self.endpoint.clone());
        self.svix.endpoint().set_headers(app.clone(), endpoint.clone(), wanted).await?;
        let got = self.svix.endpoint().get_headers(app, endpoint).await?;
        let shown = got.headers.iter().map(|(name, value)| format!("{name}={value}"));
        say("headers", shown.chain(got.sensitive.iter().cloned()));
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        let (app, endpoint) = (self.app.clone(), self.endpoint.clone());
        let wanted = EndpointSecretRotateIn::new();
        self.svix.endpoint().rotate_secret(app.clone(), endpoint.clone(), wanted, None).await?;
        say("rotated", [self.svix.endpoint().get_secret(app, endpoint).await?.key]);
        Ok(())
    }

    /// The receiver says 410 to a message, which disables the endpoint; its owner mends it, and recovers
    /// what was lost.
    async fn recover(&self, first: &MessageOut) -> Result<()> {
        let lost = self.send(2).await?;
        say("lost", self.answers(&lost.id, 1).await?);
        let (app, endpoint) = (self.app.clone(), self.endpoint.clone());
        until(|| async {
            let seen = self.svix.endpoint().get(app.clone(), endpoint.clone()).await?;
            Ok((seen.disabled == Some(true)).then_some(()))
        })
        .await?;
        let enabled = EndpointPatch { disabled: Some(false), ..EndpointPatch::new() };
        self.svix.endpoint().patch(app.clone(), endpoint.clone(), enabled).await?;
        let window = RecoverIn::new(first.timestamp);
        let task = self.svix.endpoint().recover(app, endpoint, window, None).await?;
        self.finish(&task.id).await?;
        say("recover", self.answers(&lost.id, 2).await?);
        Ok(())
    }

    async fn finish(&self, task: &str) -> Result<()> {
        until(|| async {
            let seen = self.svix.background_task().get(task.to_owned()).await?;
            Ok((seen.status == BackgroundTaskStatus::Finished).then_some(()))
        })
        .await
    }

    async fn portal(&self, server: &str) -> Result<()> {
        let wanted = AppPortalAccessIn::new();
        let authentication = self.svix.authentication();
        let access = authentication.app_portal_access(self.app.clone(), wanted, None).await?;
        let portal = client(server, &access.token);
        let endpoints = portal.endpoint().list(self.app.clone(), None).await?;
        say("portal", endpoints.data.iter().map(|endpoint| &endpoint.id));
        Ok(())
    }

    async fn delete(self) -> Result<()> {
        let (svix, app) = (self.svix, self.app);
        svix.endpoint().delete(app.clone(), self.endpoint).await?;
        svix.application().delete(app.clone()).await?;
        svix.event_type().delete(self.event_type, None).await?;
        match svix.application().get(app).await {
            Err(svix::error::Error::Http(refused)) => {
                let code = refused.payload.map(|payload| payload.code).unwrap_or_default();
                say("deleted", [refused.status.as_str(), &code]);
                Ok(())
            }
            other => Err(format!("not refused by the API: {other:?}").into()),
        }
    }
}

async fn until<T, F: Future<Output = Result<Option<T>>>>(condition: impl Fn() -> F) -> Result<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if Instant::now() > end {
            return Err(format!("not within {DEADLINE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn say<W: ToString>(step: &str, result: impl IntoIterator<Item = W>) {
    let words: Vec<String> = result.into_iter().map(|word| word.to_string()).collect();
    println!("{step} {}", words.join(" "));
}
