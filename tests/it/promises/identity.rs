//! Ids that everybody shares.

use handraiser::ids::RecordKey;
use serde_json::json;

use crate::desk::Desk;

const VISITS: &str = "
counters:
  visits: { of: user, page: any }
definitions:
  - { name: visitor, of: user, intent: [ visits > 1000 ] }
";

#[tokio::test]
async fn ids_that_everybody_shares_merge_nobody() {
    for shared in ["anonymous", "Anonymous", "00000000-0000-0000-0000-000000000000", "guest", "0", "kiosk"] {
        let others = "shared_ids: [ Kiosk ]\nroutes: [ { name: all, to: self_serve } ]";
        let desk = Desk::with(VISITS, others);
        desk.send(vec![desk.visit(shared), desk.visit("her-own")]).await;
        for (user, anonymous) in [("ana", shared), ("ben", shared), ("ana", "her-own")] {
            desk.send(vec![desk.identify(user, anonymous), desk.visit(anonymous)]).await;
        }
        let visits = async |user| desk.count(&RecordKey::user(user), "visits").await;
        assert_eq!(visits("ana").await, json!(2), "{shared}");
        assert_eq!(visits("ben").await, json!(0), "{shared}");
        assert_eq!(visits(shared).await, json!(3), "{shared}");
    }
}
