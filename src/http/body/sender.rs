//! Who sends a body: how far they are believed before it has come, and how much is read of them.

use actix_web::HttpRequest;

use super::super::client_address::ClientAddress;
use super::super::errors::{ApiError, ErrorCode};
use super::super::signers::Standing;
use super::super::state::AppState;
use super::super::under_way::Lane;
use crate::cdp::Admission;
use crate::config::ServerSettings;

/// Who sends a body, and how far they are believed before it has come.
#[derive(Clone, Copy)]
pub(in super::super) struct Sender<'c> {
    pub admission: Admission<'c>,
    pub address: ClientAddress,
    pub standing: Standing,
}

impl<'c> Sender<'c> {
    /// The client that sent `request`, whose head says as much as `admission`.
    pub fn new(request: &HttpRequest, state: &AppState, settings: &ServerSettings, admission: Admission<'c>) -> Self {
        let address = ClientAddress::of(request, &settings.trusted_proxies);
        let standing = match admission {
            Admission::Signed(_) => state.signers.standing(address, state.clock.now()),
            Admission::Known(_) | Admission::Open => Standing::Unknown,
        };
        Self { admission, address, standing }
    }

    /// Whether a signature is all that speaks for it.
    pub(in super::super) const fn is_signed(&self) -> bool {
        matches!(self.admission, Admission::Signed(_))
    }

    /// In which lane its body counts as under way.
    pub(in super::super) const fn lane(&self) -> Lane {
        match (self.admission, self.standing) {
            (Admission::Known(_), _) | (Admission::Signed(_), Standing::Proven) => Lane::Proven,
            (Admission::Signed(_), _) => Lane::Signed,
            (Admission::Open, _) => Lane::Open,
        }
    }

    /// How many bytes are read of it.
    pub(super) fn limit(&self, settings: &ServerSettings) -> usize {
        let unproven = settings.edge.unproven_request_bytes.min(settings.limits.request_bytes);
        match self.admission {
            Admission::Signed(_) if self.standing == Standing::Doubtful => unproven,
            Admission::Known(source) | Admission::Signed(source) => settings.limits.request_bytes_of(source),
            Admission::Open => unproven,
        }
    }

    /// What it hears when it sends more.
    pub(super) fn too_large(&self, limit: usize) -> ApiError {
        let fix = match self.admission {
            Admission::Signed(_) if self.standing == Standing::Doubtful => {
                let message = format!(
                    "signatures from this address were wrong of late: for a minute, no more than {limit} bytes are read of it"
                );
                return ApiError::new(ErrorCode::Overloaded, message).retry_after(60);
            }
            Admission::Open => {
                ", which is all that is read of a sender whose headers prove nothing: send the write key as the user of \
                 `Authorization: Basic`, or smaller batches"
            }
            Admission::Known(_) | Admission::Signed(_) => ": send smaller batches",
        };
        ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {limit} bytes{fix}"))
    }
}
