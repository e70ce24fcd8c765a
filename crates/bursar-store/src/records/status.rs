//! How far a request is, and which later state may replace an earlier one.

use crate::sqlite::words::words;

words! {
    /// The state of a request.
    Status {
        /// Admitted; nothing has come back.
        Pending = "pending",
        /// Output comes.
        Streaming = "streaming",
        /// Answered in full.
        Completed = "completed",
        /// The provider or the way to it failed.
        Failed = "failed",
        /// The client left, or it was cut.
        Cancelled = "cancelled",
        /// Refused before anything was sent.
        Denied = "denied",
    }
}

impl Status {
    /// Whether nothing more comes but corrections of the same state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Streaming => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Denied => true,
        }
    }
    /// Whether a record in state `next` may replace one in this state: forward only; the same state again is progress or
    /// a correction of amounts; a request believed to have failed may turn out to have been completed.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Pending, _) | (Self::Failed, Self::Completed) => true,
            (Self::Streaming, Self::Completed | Self::Failed | Self::Cancelled) => true,
            (Self::Streaming, Self::Streaming)
            | (Self::Completed, Self::Completed)
            | (Self::Failed, Self::Failed)
            | (Self::Cancelled, Self::Cancelled)
            | (Self::Denied, Self::Denied) => true,
            (Self::Streaming, Self::Pending | Self::Denied)
            | (
                Self::Completed,
                Self::Pending | Self::Streaming | Self::Failed | Self::Cancelled | Self::Denied,
            )
            | (Self::Failed, Self::Pending | Self::Streaming | Self::Cancelled | Self::Denied)
            | (
                Self::Cancelled,
                Self::Pending | Self::Streaming | Self::Completed | Self::Failed | Self::Denied,
            )
            | (
                Self::Denied,
                Self::Pending | Self::Streaming | Self::Completed | Self::Failed | Self::Cancelled,
            ) => false,
        }
    }
    /// The number in the file and in the journal. Never changed.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Streaming => 1,
            Self::Completed => 2,
            Self::Failed => 3,
            Self::Cancelled => 4,
            Self::Denied => 5,
        }
    }
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules: S4-33.
    #[test]
    fn states_only_move_forward() {
        let lawful: Vec<String> = Status::ALL
            .iter()
            .flat_map(|from| Status::ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from != to && from.may_become(*to))
            .map(|(from, to)| format!("{from} -> {to}"))
            .collect();
        let expected = [
            "pending -> streaming",
            "pending -> completed",
            "pending -> failed",
            "pending -> cancelled",
            "pending -> denied",
            "streaming -> completed",
            "streaming -> failed",
            "streaming -> cancelled",
            "failed -> completed",
        ];
        assert_eq!(lawful, expected);
        for status in Status::ALL {
            assert!(status.may_become(*status));
            assert_eq!(Status::from_number(status.number()), Some(*status));
        }
    }
}
