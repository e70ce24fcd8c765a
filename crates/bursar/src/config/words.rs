//! The words that a field with few choices may have: one enum per field, written exactly as in the file.

/// Declares an enum whose variants are words of the configuration, with `ALL`, `WORDS`, `as_str` and `parse`.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }
        impl $name {
            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The word of every choice.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];
            /// The word in the configuration file.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $word,)* } }
            /// The choice of that word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> { Self::ALL.iter().copied().find(|choice| choice.as_str() == word) }
        }
    )*};
}

words! {
    /// How a channel of alerts is spoken to.
    AlertType {
        /// A signed POST, as Standard Webhooks says.
        Webhook = "webhook",
        /// An incoming webhook of Slack.
        Slack = "slack",
        /// A webhook of Discord.
        Discord = "discord",
        /// A workflow of Microsoft Teams.
        Teams = "teams",
        /// A bot of Telegram.
        Telegram = "telegram",
        /// Mail by SMTP.
        Email = "email",
    }
    /// How a connection to a mail server is protected.
    MailSecurity {
        /// STARTTLS, required.
        StartTls = "starttls",
        /// TLS from the first byte.
        Tls = "tls",
        /// Nothing.
        None = "none",
    }
    /// The language of alerts.
    Language {
        /// English.
        English = "en",
        /// Traditional Chinese.
        TraditionalChinese = "zh-TW",
    }
    /// How lines of the log are written.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
    /// The status with which a spent budget is refused.
    RefusalStatus {
        /// What each API format's own clients understand as final.
        Native = "native",
        /// 402 wherever the table of codes says so.
        PaymentRequired = "402",
        /// 429 for every spent budget.
        TooManyRequests = "429",
    }
    /// When a journal entry counts as written.
    Durability {
        /// Synced to the disk before the upstream call starts.
        Sync = "sync",
        /// Written to the operating system before the call, synced every 50 ms.
        Fast = "fast",
    }
    /// How a provider bills.
    Billing {
        /// Every token at its price.
        PayAsYouGo = "pay_as_you_go",
        /// A paid quota per month; cost counts as if it were paid for.
        MonthlyQuota = "monthly_quota",
        /// Nothing: the effective cost is zero, the list cost is kept.
        FreeTier = "free_tier",
    }
    /// What happens to a request for a model without a price.
    UnknownModelPolicy {
        /// Refused with E-PRICE-001.
        Deny = "deny",
        /// Priced at the project's `fallback_price`.
        FallbackPrice = "fallback_price",
        /// Priced at zero.
        Free = "free",
    }
    /// Whose budget a key's spend counts against.
    KeyKind {
        /// A person's key: counts against its user too.
        Member = "member",
        /// A program's key.
        Service = "service",
        /// A key with a balance of its own.
        Standalone = "standalone",
    }
    /// What a budget does when it has no room.
    Mode {
        /// Refuses.
        Hard = "hard",
        /// Counts and warns.
        Soft = "soft",
        /// Counts like a hard budget and records what it would have refused.
        Shadow = "shadow",
    }
    /// How much of a request's possible cost is set aside before it is sent.
    Hold {
        /// Everything it can cost.
        WorstCase = "worst_case",
        /// The input and a slice of output, extended ahead of the meter.
        Streaming = "streaming",
        /// A learned quantile.
        Estimate = "estimate",
    }
    /// What becomes of a request that lacks an attribute named in `per`.
    Missing {
        /// One window for all who omit it.
        Shared = "shared",
        /// The budget does not apply.
        Skip = "skip",
        /// The request is refused.
        Refuse = "refuse",
    }
    /// What a budget does after its last period.
    OnExpiry {
        /// Refuses with E-BUDGET-015.
        Block = "block",
        /// No longer applies.
        Deactivate = "deactivate",
    }
    /// How the end of a month's spend is projected.
    Projection {
        /// Today counts as a whole day.
        CalendarDay = "calendar_day",
        /// Today counts for the part of it that has passed.
        ElapsedFraction = "elapsed_fraction",
    }
    /// What may be done for a request that does not fit at once.
    Fit {
        /// Wait for room held by requests in flight.
        Wait = "wait",
        /// Lower the output limit to what is affordable.
        Clamp = "clamp",
    }
    /// The first day of a budget's week.
    Weekday {
        /// Monday, the default.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}
