//! What every store has to do: one suite of laws, run on each of them.
//!
//! `conformance!(name, open)` makes a test of each law for the store that `open` makes; `open` is an
//! `async fn(StoreOptions) -> Opened` and gives an empty store each time that it is called. The laws of ownership wait
//! longer than a lease; `conformance!(name, open, paused)` runs them on tokio's paused clock, for a store that lives by it, and
//! `conformance!(name, open, alone)` leaves out those of several servers, for a store that belongs to one process.

pub mod blocks;
pub mod commits;
pub mod ids;
pub mod leads;
pub mod lists;
pub mod log;
pub mod messages;
pub mod model;
pub mod ownership;
pub mod races;
pub mod records;
pub mod reference;
pub mod stores;
pub mod support;

use std::any::Any;
use std::time::Duration;

use handraiser::ids::Shards;
use handraiser::store::{SharedStore, StoreOptions};

/// A store, and what has to live as long as it (a directory, a server).
pub struct Opened {
    pub store: SharedStore,
    pub guard: Box<dyn Any + Send>,
}

/// What the laws expect of the store that they are run on.
pub fn options() -> StoreOptions {
    StoreOptions { shards: Shards::new(8).expect("8 is not zero"), rejected_log: 50 }
}

/// How long a law may take, so that one that waits for what never happens fails as well.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// One test for each law of the suite, in a module `$store`.
macro_rules! conformance {
    ($store:ident, $open:path) => {
        $crate::store_conformance::conformance! { $store, $open,
            [tokio::test(flavor = "multi_thread", worker_threads = 2)] }
    };
    ($store:ident, $open:path, paused) => {
        $crate::store_conformance::conformance! { $store, $open, [tokio::test(start_paused = true)] }
    };
    ($store:ident, $open:path, alone) => {
        $crate::store_conformance::conformance! { $store, $open,
            [tokio::test(flavor = "multi_thread", worker_threads = 2)], [one_server_owns_all] }
    };
    ($store:ident, $open:path, $ownership:tt) => {
        $crate::store_conformance::conformance! { $store, $open, $ownership, [
            one_server_owns_all,
            a_second_server_gets_its_half,
            shards_that_are_given_back_are_taken_at_once,
            no_shard_has_two_owners,
            what_is_still_worked_is_nobody_elses,
            more_servers_than_shards,
            the_dead_lose_their_shards_after_their_lease,
        ]}
    };
    ($store:ident, $open:path, $test:tt, $ownership:tt) => {
        mod $store {
            $crate::store_conformance::conformance! { @laws $open, $test, ownership: $ownership }
            $crate::store_conformance::conformance! { @groups $open,
                [tokio::test(flavor = "multi_thread", worker_threads = 2)],
                log: [
                    entries_are_read_in_order_with_dense_positions,
                    an_empty_append_is_fine,
                    payloads_come_back_byte_for_byte,
                    a_read_begins_where_it_is_told,
                    a_read_respects_its_bound_and_gives_one_at_least,
                    a_long_log_is_read_in_pages,
                    pages_of_mixed_sizes_leave_no_holes,
                    a_read_of_nothing_waits_and_gives_up,
                    a_read_wakes_when_something_is_appended,
                    a_read_wakes_for_any_of_its_shards,
                    a_read_wakes_for_a_message,
                    positions_are_never_used_again,
                    progress_is_told_in_the_order_asked_for,
                    the_store_answers,
                ],
                commits: [
                    a_commit_moves_the_position,
                    a_commit_may_stay_where_it_is,
                    a_commit_that_stays_is_fenced_by_its_step,
                    no_commit_at_all_is_fine,
                    a_commit_does_all_that_it_names,
                    a_moved_shard_changes_nothing_at_all,
                    several_shards_commit_in_one_step,
                    one_moved_shard_stops_all,
                ],
                races: [
                    appends_at_once_lose_and_double_nothing,
                    one_of_twenty_owners_commits,
                    every_step_is_won_once,
                    commits_that_are_given_up_happen_once_or_never,
                ],
                records: [
                    absent_records_are_none,
                    a_write_is_read_back,
                    a_write_replaces_the_whole_record,
                    a_deleted_record_is_absent,
                    records_come_in_the_order_asked_for,
                    records_of_every_shard_are_read_in_one_call,
                    any_text_survives,
                    any_name_is_a_name,
                    a_large_record_survives,
                    many_records_in_one_commit,
                    everybody_is_told_of_in_pages,
                    who_is_there_all_along_is_told_of,
                    what_says_nothing_begins_anew,
                ],
                lists: [
                    a_record_stands_where_it_was_put,
                    a_record_moves_between_lists,
                    a_deleted_record_leaves_its_list,
                    the_earliest_are_due_first,
                    due_is_up_to_and_including_the_moment,
                    a_list_is_worked_off_in_pages,
                    shards_have_lists_of_their_own,
                    listed_are_the_newest_of_all_shards,
                    lists_tell_how_much_they_hold,
                    deliveries_live_with_their_destination,
                    any_name_is_a_list,
                ],
                ids: [
                    ids_are_packed_by_hour,
                    many_ids_in_one_commit,
                    hours_are_forgotten,
                    ids_are_remembered_by_shard,
                ],
                leads: [
                    a_lead_is_found_by_its_id,
                    leads_come_newest_first,
                    leads_are_paged_by_time,
                    leads_are_filtered,
                    a_lead_is_replaced_by_its_id,
                    leads_of_a_subject_are_forgotten,
                    forgotten_before_added,
                    rejected_events_come_newest_first,
                    the_rejected_log_is_bounded,
                    no_source_pushes_out_what_others_sent,
                ],
                messages: [
                    messages_arrive_once_and_in_order,
                    messages_come_back_byte_for_byte,
                    many_messages_in_one_commit,
                    messages_go_to_every_shard,
                    shards_write_to_each_other,
                    messages_mix_with_what_is_appended,
                ],
                blocks: [
                    blocks_stay_until_they_are_passed,
                    a_refused_commit_leaves_no_block,
                    many_large_blocks_are_read_in_pages,
                ],
                model: [random_commits_agree_with_the_model],
            }
        }
    };
    (@groups $open:path, $test:tt, $($group:ident: $laws:tt),* $(,)?) => {
        $($crate::store_conformance::conformance! { @laws $open, $test, $group: $laws })*
    };
    (@laws $open:path, $test:tt, $group:ident: [$($law:ident),* $(,)?]) => {
        mod $group {
            $(#$test
            async fn $law() {
                let opened = $open($crate::store_conformance::options()).await;
                let law = $crate::store_conformance::$group::$law(&opened.store);
                tokio::time::timeout($crate::store_conformance::PATIENCE, law).await.expect("the law comes to an end");
                drop(opened.guard);
            })*
        }
    };
}
pub(crate) use conformance;
