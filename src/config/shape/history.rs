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
        /// A bucket of S3, or of whatever speaks like it, instead of a directory: `s3://<bucket>/<prefix>`. Credentials come from the
        /// environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, or the role of the machine or the container.
        #[schemars(extend("examples" = ["s3://acme-events/handraiser"]))]
        to: Scalar,
        /// The region of the bucket. By default `AWS_REGION` of the environment.
        #[schemars(extend("examples" = ["eu-central-1"]))]
        region: Scalar,
        /// The address of something else that speaks like S3. By default AWS.
        #[schemars(extend("examples" = ["https://minio.internal:9000"]))]
        endpoint: Scalar,
        /// For how long. By default for good.
        #[schemars(extend("examples" = ["400d"]))]
        keep: At<Lasting>,
    }
}
