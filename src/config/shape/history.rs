//! `history`.

use crate::config::read::{At, section};
use crate::config::scalar::Lasting;
use crate::config::yaml::Scalar;

section! {
    /// Where the past is kept: every event as it was counted. With it, a counter that is new sees what was before, and `handraiser
    /// explain --at` can tell how things stood. Changing it needs a restart.
    HistoryShape = "`history`" {
        /// The directory, relative to the one that the server is started in; made when it is missing. Several servers of one store
        /// need a directory that they share.
        #[schemars(extend("default" = "data/history"))]
        path: Scalar,
        /// For how long. By default for good.
        #[schemars(extend("examples" = ["400d"]))]
        keep: At<Lasting>,
    }
}
