//! A version to upgrade from, with the values that it needs where the chart has changed them since.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Formatter;

use chartgate_model::plan::Image;
use chartgate_yaml::Spot;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Value, json};

use super::file::Values;
use super::image::{check_repository, set_image};
use super::names::Names;
use super::{merge, set_path};

/// What is written for a version, as a text.
pub(super) const EXPECTED: &str = "a version to upgrade from: `previous`, `git:REF`, a path, or a map with `chart`";

/// A version to upgrade from.
#[derive(Clone, Debug, Default)]
pub struct VersionFile {
    /// Where it is.
    pub(super) chart: String,
    /// Values of it alone.
    pub(super) values: Values,
    /// The values that set its images, by the contract's names.
    pub(super) images: BTreeMap<String, PathsFile>,
}

/// A version to upgrade from that takes other values than the chart does now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VersionWithValues {
    /// The version, as it is written alone.
    #[schemars(with = "Place")]
    chart: String,
    /// Values of this version alone, above those of the `install` that installs it. What is `null` is taken away from these: a key that this
    /// version does not know yet.
    #[serde(default)]
    values: Values,
    /// The values that set an image in this version, by the contract's names, where they are other ones:
    /// `{app: {repository: image.name, tag: image.version}}`.
    #[serde(default)]
    images: BTreeMap<String, PathsFile>,
}

/// The values that set an image in one version of the chart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ImagePaths")]
pub struct PathsFile {
    /// Value path of the repository, or of the whole reference where there is no `tag`.
    repository: String,
    /// Value path of the tag.
    tag: Option<String>,
}

/// Where a version of the chart is.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "Version")]
#[expect(dead_code, reason = "it is there for its schema: what is written is read as a text")]
enum Place {
    /// The chart itself: the upgrade changes its values or image.
    Itself(#[schemars(extend("const" = "self"))] String),
    /// The highest version in git that is lower than the chart's, in its last state; a pre-release only where there is no other.
    Previous(#[schemars(extend("const" = "previous"))] String),
    /// `git:REF`: the chart as it was at a commit, a branch or a tag.
    Git(#[schemars(regex(pattern = r"^git:[^-]"), extend("examples" = ["git:v1.2.0"]))] String),
    /// `oci://…:VERSION`: pulled with your own logins; without a version, the newest one.
    Registry(
        #[schemars(regex(pattern = r"^oci://"), extend("examples" = ["oci://registry.example/charts/app:1.2.0"]))]
        String,
    ),
    /// A chart's folder or its `.tgz`, relative to the file.
    Path(
        #[schemars(regex(pattern = r"^(?!git:|oci://).*(/|\.tgz$)"), extend("examples" = ["./app-1.2.0.tgz"]))]
        String,
    ),
}

impl VersionFile {
    /// A version that takes the same values as the chart does now.
    pub(super) fn at(chart: &str) -> Self {
        Self { chart: chart.to_owned(), ..Self::default() }
    }

    pub(super) fn of_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let VersionWithValues { chart, values, images } =
            VersionWithValues::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Self { chart, values, images })
    }

    /// What the version is given above, or instead of, the values of the step that installs it, which choose these versions of the images.
    pub(super) fn values(
        &self,
        at: Spot,
        names: &Names,
        images: &BTreeMap<String, Image>,
        chosen: &BTreeMap<String, String>,
    ) -> Value {
        let (mut taken, mut given) = (json!({}), json!({}));
        for (name, paths) in &self.images {
            let at = at.key("images").key(name);
            let (true, Some(image)) = (names.check_image(at.of_key(), name), images.get(name)) else { continue };
            let repository = (image.repository.is_some() || image.tag_path.is_none()).then_some(&image.repository_path);
            let today = [repository, image.tag_path.as_ref()];
            today.into_iter().flatten().for_each(|path| set_path(&mut taken, path, Value::Null));
            let (repository_path, tag_path) = (paths.repository.clone(), paths.tag.clone());
            let image = Image { repository_path, tag_path, ..image.clone() };
            check_repository(at, name, &image);
            let tag = chosen.get(name).and_then(|version| image.versions.get(version));
            if let Some(tag) = tag {
                set_image(&mut given, &image, tag);
            }
        }
        merge(&mut taken, given);
        merge(&mut taken, Value::Object(self.values.clone()));
        taken
    }
}

// An untagged enum would lose the place of a mistake.
impl<'de> Deserialize<'de> for VersionFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct TextOrMap;

        impl<'de> Visitor<'de> for TextOrMap {
            type Value = VersionFile;

            fn expecting(&self, out: &mut Formatter) -> std::fmt::Result {
                out.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, chart: &str) -> Result<VersionFile, E> {
                Ok(VersionFile::at(chart))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VersionFile, A::Error> {
                VersionFile::of_map(map)
            }
        }

        reader.deserialize_any(TextOrMap)
    }
}

impl JsonSchema for VersionFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (place, with_values) = (generator.subschema_for::<Place>(), generator.subschema_for::<VersionWithValues>());
        json_schema!({"anyOf": [place, with_values]})
    }
}
