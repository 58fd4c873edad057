//! `handraiser health`: asks a server whether it is well; made for a container's health check.

use std::time::Duration;

use super::output::CommandError;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to ask; `/ready` also asks the store
    #[arg(long, env = "HANDRAISER_HEALTH_URL", default_value = "http://127.0.0.1:8080/health", value_name = "URL")]
    url: url::Url,

    /// How long to wait, in seconds
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    timeout: u64,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let url = args.url;
    let unwell = |why: String| CommandError::message(format!("{url} is not well: {why}"));
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(args.timeout))
        .no_proxy()
        .build()
        .map_err(|error| unwell(error.to_string()))?;
    let answer = client.get(url.clone()).send().await.map_err(|error| unwell(super::client::causes(&error)))?;
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    if !status.is_success() {
        return Err(unwell(format!("{status} {body}")));
    }
    println!("{body}");
    Ok(())
}
