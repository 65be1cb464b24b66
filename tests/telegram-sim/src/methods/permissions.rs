//! Reading a `ChatPermissions` argument, with all that some fields imply.

use serde_json::Value;

use crate::args::Args;
use crate::reply::ApiError;
use crate::rights::Permissions;

/// The media permissions, text aside.
const MEDIA: [Permissions; 6] = [
    Permissions::SEND_AUDIOS,
    Permissions::SEND_DOCUMENTS,
    Permissions::SEND_PHOTOS,
    Permissions::SEND_VIDEOS,
    Permissions::SEND_VIDEO_NOTES,
    Permissions::SEND_VOICE_NOTES,
];

/// The `permissions` of a call; absent means none.
pub(crate) fn read(args: &Args) -> Result<Permissions, ApiError> {
    let text = args.text("permissions");
    if text.is_empty() {
        return Ok(Permissions::none());
    }
    let value: Value =
        serde_json::from_str(text).map_err(|_| ApiError::bad_request("can't parse permissions JSON object"))?;
    let Value::Object(fields) = value else {
        return Err(ApiError::bad_request("object expected as permissions"));
    };
    let field = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(ApiError::bad_request(format!(
            "can't parse chat permissions: Field \"{name}\" must be of type Boolean"
        ))),
    };
    let mut given = Permissions::none();
    let mut any_media_field = false;
    for (name, flag) in Permissions::FIELDS {
        let value = field(name)?;
        any_media_field |= MEDIA.contains(flag) && value.is_some();
        let value = value.unwrap_or(match *flag {
            Permissions::MANAGE_TOPICS | Permissions::EDIT_TAG => field("can_pin_messages")?.unwrap_or(false),
            Permissions::REACT_TO_MESSAGES => field("can_send_messages")?.unwrap_or(false),
            _ => false,
        });
        if value {
            given = given | *flag;
        }
    }
    let all_media = MEDIA.iter().fold(Permissions::none(), |sum, flag| sum | *flag);
    if !any_media_field && field("can_send_media_messages")? == Some(true) {
        given = given | all_media | Permissions::SEND_MESSAGES;
    }
    if !args.flag("use_independent_chat_permissions") {
        if given.has(Permissions::SEND_OTHER_MESSAGES) || given.has(Permissions::ADD_WEB_PAGE_PREVIEWS) {
            given = given | all_media | Permissions::SEND_MESSAGES;
        }
        if given.has(Permissions::SEND_POLLS) {
            given = given | Permissions::SEND_MESSAGES;
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(json: &str) -> Result<Permissions, String> {
        let body = serde_json::json!({ "permissions": json }).to_string();
        read(&Args::from_json(body.as_bytes())).map_err(|error| error.description)
    }

    #[test]
    fn errors_are_in_telegrams_words() {
        for (json, error) in [
            ("{", "Bad Request: can't parse permissions JSON object"),
            ("[]", "Bad Request: object expected as permissions"),
            (
                r#"{"can_send_messages":1}"#,
                "Bad Request: can't parse chat permissions: Field \"can_send_messages\" must be of type Boolean",
            ),
        ] {
            assert_eq!(reading(json), Err(error.to_owned()));
        }
    }

    #[test]
    fn some_fields_imply_others() {
        use Permissions as P;
        let media = MEDIA.iter().fold(P::none(), |sum, flag| sum | *flag);
        for (json, expected) in [
            ("", P::none()),
            ("{}", P::none()),
            (r#"{"can_send_messages":true}"#, P::SEND_MESSAGES | P::REACT_TO_MESSAGES),
            (r#"{"can_send_polls":true}"#, P::SEND_POLLS | P::SEND_MESSAGES),
            (r#"{"can_add_web_page_previews":true}"#, P::ADD_WEB_PAGE_PREVIEWS | P::SEND_MESSAGES | media),
            (r#"{"can_send_media_messages":true}"#, P::SEND_MESSAGES | media),
            (r#"{"can_send_media_messages":true,"can_send_photos":false}"#, P::none()),
            (r#"{"can_pin_messages":true}"#, P::PIN_MESSAGES | P::MANAGE_TOPICS | P::EDIT_TAG),
        ] {
            assert_eq!(reading(json), Ok(expected), "{json}");
        }
    }
}
