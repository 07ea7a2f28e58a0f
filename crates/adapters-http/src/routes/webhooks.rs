//! What the payment provider says of its own accord.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use doorstep_core::shard::Command;
use doorstep_core::webhook::stripe;
use doorstep_core::webhook::{Message, Refusal};

use crate::app::App;
use crate::command::{body, event_cause, submit};
use crate::problem::Problem;

/// Hears the payment provider: a signature over the raw bytes, checked before anything is read. It is
/// answered once what follows from it is in the log; an event takes effect once, however often and in
/// whatever order it comes.
#[utoipa::path(
    post, path = "/v1/webhooks/payments", tag = "webhooks", operation_id = "payment_webhook",
    params(("Stripe-Signature" = String, Header, description = "`t=…,v1=…`")),
    request_body(content = String, content_type = "application/json"),
    responses(
        (status = 204, description = "Heard"),
        (status = 400, description = "Not signed by the provider, or no event"),
        (status = 503, description = "Come again"),
    )
)]
pub(crate) async fn payments(
    State(app): State<App>,
    request: Request<Body>,
) -> Result<StatusCode, Problem> {
    let secrets = &app.config.webhook_secrets;
    if secrets.is_empty() {
        return Err(Problem::not_found());
    }
    let signature = request.headers().get(stripe::HEADER).cloned();
    let (bytes, _under_way) = body(request, &app).await?;
    let signature = signature.as_ref().map(axum::http::HeaderValue::as_bytes);
    let verified = stripe::verify(signature, &bytes, secrets, app.now()).map_err(not_signed)?;
    let message = stripe::read(&verified).map_err(|error| {
        Problem::bad_request("not_an_event", "This is no event of the provider").detail(&error)
    })?;
    match message {
        Message::Unused { .. } => Ok(StatusCode::NO_CONTENT),
        Message::Payment(event) => {
            let cause = event_cause(&event, app.now());
            match submit(&app, cause, Command::Provider(Box::new(event))).await {
                Ok(_) => Ok(StatusCode::NO_CONTENT),
                // It came before and meant something else: that one stands, and it is no use to hear
                // this one again.
                Err(problem) if problem.status().is_client_error() => {
                    tracing::warn!(
                        code = problem.code(),
                        "an event of the provider contradicts itself"
                    );
                    Ok(StatusCode::NO_CONTENT)
                }
                Err(problem) => Err(problem),
            }
        }
    }
}

fn not_signed(refusal: Refusal) -> Problem {
    Problem::bad_request("bad_signature", "The signature is not good").detail(&refusal)
}
