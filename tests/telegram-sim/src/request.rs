//! Reading a request: the arguments in its query string and body, and what cannot be read.

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use multer::{Field, Multipart};

use crate::args::{Args, File};

/// Parameters together may not be larger than this; more is answered 413. Files do not count.
const MAX_BYTES: usize = 1 << 20;
/// So much more of a refused body is read, and thrown away: a client that is still sending would lose the reply.
const MOST_DRAINED: usize = 64 << 20;
/// So much of a file is kept. Nothing here takes a larger one; its size is known all the same.
const MOST_KEPT_OF_FILE: usize = 4 << 20;

/// Why a request could not be read: the whole reply is this status.
pub(crate) type Unreadable = StatusCode;

/// Merges the query string, then the body as its content type says, into one list. What is merely wrong in a form or
/// JSON is left out, as the real server does: the call then fails, or not, for a missing argument.
pub(crate) async fn arguments(query: Option<&str>, content_type: &str, body: Body) -> Result<Args, Unreadable> {
    let mut args = Args::default();
    let mut room = MAX_BYTES;
    if let Some(query) = query {
        room = room.checked_sub(query.len()).ok_or(StatusCode::PAYLOAD_TOO_LARGE)?;
        args.add_form(query.as_bytes());
    }
    let kind = content_type.to_ascii_lowercase();
    let mut body = body.into_data_stream();
    if kind.contains("multipart/form-data") {
        add_multipart(&mut args, content_type, body, room).await?;
    } else if kind.contains("application/x-www-form-urlencoded") {
        args.add_form(&collect(&mut body, room).await?);
    } else if kind.contains("application/json") {
        args.add_json(&collect(&mut body, room).await?);
    } else {
        drain(&mut body, usize::MAX).await?;
    }
    Ok(args)
}

/// A chunk that does not come is a connection that broke, or a compression or chunking that is none.
async fn next_chunk(body: &mut BodyDataStream) -> Result<Option<Bytes>, Unreadable> {
    body.next().await.transpose().map_err(|error| {
        tracing::debug!(%error, "a body could not be read");
        StatusCode::BAD_REQUEST
    })
}

async fn collect(body: &mut BodyDataStream, most: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    while let Some(chunk) = next_chunk(body).await? {
        if bytes.len() + chunk.len() > most {
            drain(body, MOST_DRAINED).await?;
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn drain(body: &mut BodyDataStream, most: usize) -> Result<(), Unreadable> {
    let mut drained = 0;
    while drained < most
        && let Some(chunk) = next_chunk(body).await?
    {
        drained += chunk.len();
    }
    Ok(())
}

async fn add_multipart(
    args: &mut Args,
    content_type: &str,
    body: BodyDataStream,
    mut room: usize,
) -> Result<(), Unreadable> {
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let mut parts = Multipart::new(body, boundary);
    while let Some(field) = parts.next_field().await.map_err(broken)? {
        let name = field.name().filter(|name| !name.is_empty()).ok_or(StatusCode::BAD_REQUEST)?.to_owned();
        if field.file_name().is_some() {
            args.add_file(name, file(field).await?);
            continue;
        }
        let is_form = field.content_type().is_some_and(|kind| *kind == "application/x-www-form-urlencoded");
        let Some(value) = value(field, room).await? else {
            while let Some(rest) = parts.next_field().await.map_err(broken)? {
                file(rest).await?;
            }
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        };
        room -= value.len();
        if is_form {
            args.add_form(&value);
        } else {
            args.add_text(name, String::from_utf8_lossy(&value).into_owned());
        }
    }
    Ok(())
}

fn broken(error: multer::Error) -> Unreadable {
    tracing::debug!(%error, "a form could not be read");
    StatusCode::BAD_REQUEST
}

/// A parameter's text; `None` if there is no room for it, when it has been read all the same.
async fn value(mut field: Field<'_>, most: usize) -> Result<Option<Vec<u8>>, Unreadable> {
    let mut bytes = Some(Vec::new());
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes = bytes.filter(|bytes| bytes.len() + chunk.len() <= most);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}

async fn file(mut field: Field<'_>) -> Result<File, Unreadable> {
    let mut file = File::default();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        file.size += chunk.len();
        if file.size <= MOST_KEPT_OF_FILE {
            file.start.extend_from_slice(&chunk);
        }
    }
    Ok(file)
}
