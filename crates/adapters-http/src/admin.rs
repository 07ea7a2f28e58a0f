//! For whoever runs the process, on a listener of its own that the internet does not reach.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use doorstep_core::notify::MessageId;
use doorstep_core::time::Span;
use doorstep_runtime::client::{Client, NotAnswered, Remembered, Ticket};
use serde_json::{Value, json};

use crate::app::App;
use crate::layers::{Around, Whom};
use crate::problem::Problem;
use crate::refusal;
use crate::routes::health;
use crate::service::Service;

/// Most dead letters that are told at once.
const DEAD_LETTERS_MAX: usize = 100;

/// How the application's metrics are written down.
type Render = dyn Fn() -> String + Send + Sync;

impl Service {
    /// Routes for whoever runs the process: `/metrics` as `render` writes them (the application chose
    /// who collects them; `doorstep_outcomes` of kind `firm` against `doorstep_outcomes_max` is what to
    /// watch, for at the bound every command is refused), `/healthz`, `/readyz`, `/dead_letters` and their redrive. Nobody is asked who
    /// they are: serve it where only they come.
    #[must_use = "routes that nobody serves answer nobody"]
    pub fn admin(&self, render: impl Fn() -> String + Send + Sync + 'static) -> Router {
        let render: Arc<Render> = Arc::new(render);
        let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        let app = self.app().clone();
        Router::new()
            .route(
                "/metrics",
                get(move |State(app): State<App>| async move {
                    gauges(&app.client);
                    (text, render())
                }),
            )
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/dead_letters", get(dead_letters))
            .route("/dead_letters/{id}/redrive", post(redrive))
            .layer(Around::new(app.clone(), Whom::Anybody))
            .with_state(app)
    }
}

/// What is read off when somebody looks.
fn gauges(client: &Client) {
    let Remembered { firm, firm_max, refusals } = client.remembered();
    metrics::gauge!("doorstep_outcomes", "kind" => "firm").set(firm);
    metrics::gauge!("doorstep_outcomes", "kind" => "refusals").set(refusals);
    metrics::gauge!("doorstep_outcomes_max").set(firm_max);
}

/// The messages that no channel could deliver, the oldest first.
async fn dead_letters(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let letters = ask(&app, |client| client.dead_letters(DEAD_LETTERS_MAX)).await??;
    let shown = letters.iter().map(|letter| {
        let id = letter.message.id.to_string();
        let causes: Vec<String> = letter.causes.iter().map(|cause| format!("{cause:?}")).collect();
        json!({ "id": id, "causes": causes })
    });
    Ok(Json(json!({ "data": shown.collect::<Vec<_>>() })))
}

/// Begins one anew, under its first name. Asked twice, it is begun once.
async fn redrive(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = MessageId::new(id).map_err(|_| Problem::not_found())?;
    ask(&app, |client| client.redrive(id)).await??;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn ask<T: Clone>(
    app: &App,
    question: impl FnOnce(&Client) -> Result<Ticket<T>, doorstep_runtime::client::NotSent>,
) -> Result<T, Problem> {
    let ticket = question(&app.client).map_err(|why| refusal::not_sent(&why))?;
    let answer = tokio::time::timeout(app.config.limits.answer_within, ticket).await;
    answer.map_err(|_| refusal::unknown())
}

impl From<NotAnswered> for Problem {
    fn from(why: NotAnswered) -> Self {
        match why {
            NotAnswered::NotRedriven(_) => Self::not_found().detail(&why),
            NotAnswered::TellsNobody => {
                Self::conflict("tells_nobody", "This process tells nobody anything")
            }
            NotAnswered::NotOwner | NotAnswered::Unknown | _ => {
                Self::unavailable("not_ready", "Ask again", Span::from_secs(1)).detail(&why)
            }
        }
    }
}
