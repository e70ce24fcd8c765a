//! Rules broken on purpose, in the engine and in the shell around it: the simulator finds each one.

use bursar_ledger::{Engine, Variant};
use bursar_sim::{Options, Violation, WrongShell, run, shrink};

/// Seeds that may be needed; most take a few.
const SEEDS_MAX: u64 = 10_000;

fn find(make: impl Fn(u64) -> Options) -> Option<(u64, Violation)> {
    (0..SEEDS_MAX).find_map(|seed| run(&make(seed)).err().map(|violation| (seed, violation)))
}

/// One test for each broken rule of the engine: how to break it, by its name.
macro_rules! engine {
    ($($name:ident: $variant:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let tamper: fn(&mut Engine) = |engine| engine.break_rule(Variant::$variant);
                let found = find(|seed| Options { tamper: Some(tamper), ..Options::new(seed) });
                let (seed, violation) = found.expect("not found");
                println!("{:?} is found by seed {seed}: {violation}", Variant::$variant);
            }
        )*

        #[test]
        fn every_variant_of_the_engine_has_a_test() {
            let tested = [$(Variant::$variant,)*];
            assert!(Variant::ALL.iter().all(|variant| tested.contains(variant)));
        }
    };
}

engine! {
    refund_on_expiry: RefundOnExpiry,
    clamp_hold: ClampHold,
    ignore_held: IgnoreHeld,
    ignore_suspense: IgnoreSuspense,
    off_by_one: OffByOne,
    platform_unchecked: PlatformUnchecked,
    partial_hold: PartialHold,
    keep_hold_on_settle: KeepHoldOnSettle,
    cap_at_hold: CapAtHold,
    release_suspense: ReleaseSuspense,
    forget_ids: ForgetIds,
    forget_finished: ForgetFinished,
    stale_limit: StaleLimit,
    compound_rollover: CompoundRollover,
    cross_again: CrossAgain,
    page_out_changed: PageOutChanged,
    forget_paged: ForgetPaged,
    extend_unchecked: ExtendUnchecked,
    adjust_twice: AdjustTwice,
    recover_releases: RecoverReleases,
    estimate_always: EstimateAlways,
    share_all: ShareAll,
    forget_period: ForgetPeriod,
    soft_refuses: SoftRefuses,
}

#[test]
fn every_broken_shell_is_found() {
    for wrong in WrongShell::ALL {
        let (seed, violation) = find(|seed| Options { wrong: Some(wrong), ..Options::new(seed) })
            .unwrap_or_else(|| panic!("{wrong:?}"));
        println!("{wrong:?} is found by seed {seed}: {violation}");
    }
}

#[test]
fn a_story_is_small_and_replays_bit_for_bit() {
    let tamper: fn(&mut Engine) = |engine| engine.break_rule(Variant::IgnoreHeld);
    let make = |seed| Options { tamper: Some(tamper), ..Options::new(seed) };
    let (seed, violation) = find(make).unwrap();
    let story = shrink(&make(seed)).unwrap();
    assert_eq!(story.violation.rule, violation.rule);
    assert!(story.options.requests < make(seed).requests, "{story}");
    assert_eq!(run(&story.options), Err(story.violation.clone()));
    assert!(story.to_string().contains("reserve"), "{story}");
}
