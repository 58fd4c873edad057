//! What every store has to do: one suite, run on each of them.
//!
//! `conformance!(name, open)` makes a test of each case for the store that `open` makes; `open` is an
//! `async fn(StoreOptions) -> Opened` and gives an empty store each time that it is called.

pub mod leads;
pub mod messages;
pub mod model;
pub mod queue;
pub mod races;
pub mod records;
pub mod stores;
pub mod subjects;
pub mod support;
pub mod together;

use std::any::Any;
use std::time::Duration;

use handraiser::identity::Partitions;
use handraiser::store::{SharedStore, StoreOptions};

/// A store, and what has to live as long as it (a directory, a server).
pub struct Opened {
    pub store: SharedStore,
    pub guard: Box<dyn Any>,
}

/// What the cases expect of the store that they are run on.
pub fn options() -> StoreOptions {
    StoreOptions {
        partitions: Partitions::new(8).expect("8 is not zero"),
        remember: Duration::from_secs(3600),
        idle_subjects: None,
        rejected_log: 50,
    }
}

/// One test for each case of the suite, in a module `$store`.
macro_rules! conformance {
    ($store:ident, $open:path) => {
        $crate::store_conformance::conformance! { @cases $store, $open,
            records: [
                absent_records_are_none,
                a_write_is_read_back,
                records_come_in_the_order_asked_for,
                set_and_unset_change_single_fields,
                a_field_can_be_replaced_in_one_write,
                a_stale_version_conflicts,
                an_existing_record_is_not_created_again,
                an_absent_record_has_no_version_to_expect,
                every_moved_record_is_named,
                a_conflict_writes_nothing_at_all,
                any_text_is_a_name_and_a_value,
                a_large_field_survives,
                many_records_in_one_commit,
                an_empty_commit_is_fine,
                partitions_are_apart,
            ],
            messages: [
                messages_are_remembered_with_their_notes,
                a_seen_message_writes_nothing_at_all,
                every_seen_message_is_named_with_its_first_note,
                seen_comes_before_conflict,
                messages_are_forgotten_in_time,
                messages_are_remembered_long_enough,
                messages_are_remembered_by_partition,
            ],
            queue: [
                a_due_entry_is_claimed_once,
                entries_wait_until_they_are_due,
                those_due_longest_come_first,
                entries_of_one_moment_come_in_the_order_of_adding,
                a_limit_leaves_the_rest,
                next_due_tells_when_to_ask_again,
                a_lease_that_ran_out_can_be_claimed_again,
                a_late_settle_still_counts_when_nobody_took_over,
                a_lost_lease_settles_nothing,
                an_entry_settles_only_once,
                a_lane_is_worked_in_order,
                a_retried_head_holds_its_lane,
                a_dead_head_frees_its_lane,
                a_leased_head_holds_its_lane_until_the_lease_runs_out,
                lanes_do_not_hold_each_other,
                lanes_of_two_queues_are_apart,
                adding_twice_is_adding_once,
                adding_a_dead_entry_changes_nothing,
                settle_and_add_in_one_step,
                a_retry_keeps_its_error_and_attempts,
                replay_by_id,
                replay_by_queue_keeps_the_order,
                replay_of_all,
                a_replayed_entry_goes_to_the_end_of_its_lane,
                finished_entries_are_kept_when_asked,
                history_is_bounded,
                entries_come_newest_first,
                entries_are_filtered_by_queue,
                stats_tell_depth_and_age,
                queues_of_partitions_are_apart,
            ],
            leads: [
                a_lead_is_found_by_its_id,
                leads_come_newest_first,
                leads_are_paged_by_time,
                leads_are_filtered,
                a_lead_is_replaced_by_its_id,
            ],
            subjects: [
                forgetting_takes_everything_of_the_subject,
                forgetting_spares_what_is_leased,
                a_forgotten_message_is_still_known,
                a_forgotten_record_begins_anew,
                rejected_events_come_newest_first,
                the_rejected_log_is_bounded,
                the_store_answers,
            ],
            races: [
                twenty_committers_lose_nothing,
                twenty_senders_of_one_message_apply_it_once,
                twenty_claimers_get_each_entry_once,
                lanes_keep_their_order_among_claimers,
            ],
            together: [
                several_partitions_are_committed_in_one_call,
                what_is_read_together_comes_in_the_order_asked_for,
                a_refusal_spares_the_others_or_withdraws_them,
            ],
            model: [random_operations_agree_with_the_reference],
        }
    };
    (@cases $store:ident, $open:path, $($group:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        mod $store {
            $(mod $group {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let opened = $open($crate::store_conformance::options()).await;
                    $crate::store_conformance::$group::$case(&opened.store).await;
                    drop(opened.guard);
                })*
            })*
        }
    };
}
pub(crate) use conformance;
