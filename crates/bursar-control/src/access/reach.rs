//! How far a token reaches, and what is taken off what it is shown.

use bursar_core::{Attribute, Attributes, Scope};
use bursar_store::records::Record;
use bursar_store::settings::{Role, Token};

/// The bounds of a token. Both absent: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Within which project.
    pub(crate) project: Option<String>,
    /// As which user.
    pub(crate) user: Option<String>,
}

impl Reach {
    /// The bounds of a token. `None`: its role needs bounds that it does not have, so it reaches nothing.
    pub(crate) fn of(token: &Token) -> Option<Self> {
        let bound = Self { project: token.project.clone(), user: token.user.clone() };
        match token.role {
            Role::Admin => Some(Self::default()),
            Role::ProjectAdmin => bound.project.is_some().then_some(bound),
            Role::Member => bound.user.is_some().then_some(bound),
            Role::Viewer => Some(bound),
        }
    }
    /// Whether it has bounds.
    pub(crate) const fn is_bound(&self) -> bool {
        self.project.is_some() || self.user.is_some()
    }
    /// Whether what belongs to that project and user lies within.
    pub(crate) fn holds(&self, project: Option<&str>, user: Option<&str>) -> bool {
        let within = |bound: &Option<String>, own: Option<&str>| {
            bound.as_deref().is_none_or(|bound| own == Some(bound))
        };
        within(&self.project, project) && within(&self.user, user)
    }
    /// Whether a request with these attributes lies within.
    pub(crate) fn holds_request(&self, attributes: &Attributes) -> bool {
        let name = |attribute| attributes.get(attribute).map(|value| value.as_str());
        self.holds(name(&Attribute::Project), name(&Attribute::User))
    }
    /// Takes the names of credentials off a record that a bound token is shown: they are the operator's.
    pub(crate) fn hide(&self, record: &mut Record) {
        if !self.is_bound() {
            return;
        }
        let mut shown = Attributes::new();
        for (attribute, value) in record.attributes.iter().filter(|(attribute, _)| !is_hidden(attribute)) {
            shown.set(&attribute, value.clone());
        }
        record.attributes = shown;
        for attempt in &mut record.attempts {
            attempt.credential = None;
        }
        for window in record.blocking.iter_mut().chain(&mut record.shadow) {
            if let Scope::Attribute(attribute, value) = &mut window.scope
                && is_hidden(attribute)
            {
                *value = None;
            }
        }
    }
}

/// Whether an attribute's values are only for who sees the whole platform.
pub(super) const fn is_hidden(attribute: &Attribute) -> bool {
    matches!(attribute, Attribute::Credential | Attribute::Endpoint)
}
