//! What surrounds the nodes in a document: written by administrators, parsed once (specs/panel-nodes.md N3.2).

mod clash;
mod ini;
mod read;
mod singbox;
mod tree;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use clash::ClashTemplate;
pub(crate) use ini::{IniTemplate, Piece as IniPiece};
pub(crate) use singbox::{Age, SingBoxTemplate};
pub(crate) use tree::write_quoted;

use crate::{client::Format, format::Site, settings::Fault};

/// A parsed template. The site's texts are already in it: parse again when they change.
#[derive(Debug)]
pub struct Template(pub(crate) Body);

#[derive(Debug)]
pub(crate) enum Body {
    Clash(ClashTemplate),
    SingBox(SingBoxTemplate),
    Ini(IniTemplate),
    /// A format without one.
    None,
}

/// Largest template.
const MAX_TEMPLATE: usize = 1024 * 1024;

impl Template {
    /// Parses the text of a format's template; "" is the built-in one, and formats without a template take only that.
    ///
    /// Errors: what is wrong with the text, with its line where that is known.
    pub fn parse(format: Format, text: &str, site: &Site) -> Result<Self, Fault> {
        let text = if text.trim().is_empty() { built_in(format) } else { text };
        if text.len() > MAX_TEMPLATE {
            return Err(Fault::new("", "is too large: at most 1 MiB"));
        }
        let body = match format {
            Format::Clash | Format::ClashMeta | Format::Stash => Body::Clash(ClashTemplate::parse(text, site)?),
            Format::SingBox => Body::SingBox(SingBoxTemplate::parse(text, site)?),
            Format::Surge | Format::Surfboard => Body::Ini(IniTemplate::parse(text, site)?),
            Format::Sip008 | Format::Shadowrocket | Format::QuantumultX | Format::Loon | Format::General => Body::None,
        };
        Ok(Self(body))
    }
}

/// The built-in template of a format; "" for formats that have none.
pub const fn built_in(format: Format) -> &'static str {
    match format {
        Format::Surge => include_str!("../../templates/surge.conf"),
        Format::Surfboard => include_str!("../../templates/surfboard.conf"),
        Format::Stash => include_str!("../../templates/stash.yaml"),
        Format::SingBox => include_str!("../../templates/singbox.json"),
        Format::ClashMeta => include_str!("../../templates/clashmeta.yaml"),
        Format::Clash => include_str!("../../templates/clash.yaml"),
        Format::Sip008 | Format::Shadowrocket | Format::QuantumultX | Format::Loon | Format::General => "",
    }
}

/// The templates of every format, parsed: what a snapshot keeps.
#[derive(Debug)]
pub struct Templates(Vec<(Format, Template)>);

impl Templates {
    /// Parses every template: `text_of` gives the stored text of a format, "" for the built-in one. Where a stored text
    /// does not parse (it did when it was saved, so rules have changed since), the built-in one serves and the fault is
    /// reported.
    ///
    /// Errors: a built-in template is broken; an `app_name` that is also the name of a group in it does that.
    pub fn load(site: &Site, text_of: impl Fn(Format) -> String) -> Result<(Self, Vec<(Format, Fault)>), Fault> {
        let mut templates = Vec::with_capacity(Format::ALL.len());
        let mut faults = Vec::new();
        for format in Format::ALL {
            let template = match Template::parse(format, &text_of(format), site) {
                Ok(template) => template,
                Err(fault) => {
                    faults.push((format, fault));
                    Template::parse(format, "", site)?
                }
            };
            templates.push((format, template));
        }
        Ok((Self(templates), faults))
    }

    /// The template of a format.
    pub fn get(&self, format: Format) -> &Template {
        const NONE: &Template = &Template(Body::None);
        self.0.iter().find(|(known, _)| *known == format).map_or(NONE, |(_, template)| template)
    }
}
