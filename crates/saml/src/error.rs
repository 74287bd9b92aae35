//! Why a message was refused: one variant a reason, with a stable name and what the operator can do.
//!
//! The variant, the folder `tests/bad/<name>/` and the log entry share the name. The browser is told none of it: it
//! learns only that sign-in failed. A reason never carries a value of the message, because values are personal data.

use std::fmt;

/// The table of reasons: variant, name, sentence. A macro, because the list of all variants must not be kept twice.
macro_rules! reasons {
    ($($variant:ident $name:literal $fix:literal)+) => {
        /// A reason to refuse a message, a key or a document of the other side.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the sentence of each reason is its documentation")]
        pub enum Refused { $($variant,)+ }

        impl Refused {
            /// Every reason there is, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name: snake_case, the name of the test folder and of the log entry.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence for the operator: what is wrong and what to do.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)+ }
            }
        }
    };
}

reasons! {
    // The bytes.
    MessageTooLarge "message_too_large" "The message is larger than 256 KiB (metadata: 1 MiB); send fewer groups or attributes in the assertion."
    NotBase64 "not_base64" "The form field is not base64; something between the browser and us changed it."
    NotUtf8 "not_utf8" "The document is not UTF-8; set the identity provider to UTF-8."
    XmlVersion "xml_version" "The XML declaration is not version 1.0 in UTF-8; other encodings are not read."
    Doctype "doctype" "The document holds a DTD; no honest SAML message does, look at who sent it."
    Comment "comment" "The message holds an XML comment; switch comments off at the sender."
    Cdata "cdata" "The message holds a CDATA section; the sender has to write plain text."
    ProcessingInstruction "processing_instruction" "The message holds a processing instruction; no honest SAML message does."
    UnknownEntity "unknown_entity" "The message uses an entity that XML does not define by itself."
    ForbiddenCharacter "forbidden_character" "The message holds a character that XML forbids; look for control characters in the profile."
    TooDeep "too_deep" "Elements are nested more than 64 deep; no honest SAML message is."
    TooManyTags "too_many_tags" "The message has more than 20 000 tags; send fewer groups or attributes."
    TooManyAttributes "too_many_attributes" "An element has more than 64 XML attributes; no honest SAML message has."
    NameTooLong "name_too_long" "An XML name is longer than 256 bytes; no honest SAML message has one."
    OddNamespace "odd_namespace" "A namespace is empty, relative or written with odd characters; canonical forms would differ between programs."
    TooManyNamespaces "too_many_namespaces" "The message declares more than 512 namespaces; no honest SAML message does."
    TextOutsideRoot "text_outside_root" "There is text before or after the root element."
    MalformedXml "malformed_xml" "The document is not well-formed XML; something cut or changed it on the way."

    // The shape.
    NotAResponse "not_a_response" "The document is not a SAML 2.0 Response; check that the identity provider posts to the ACS URL."
    UnexpectedElement "unexpected_element" "An element stands where SAML has none; the sender does not follow the schema, or the message was tampered with."
    UnexpectedAttribute "unexpected_attribute" "An XML attribute stands where SAML has none."
    UnexpectedText "unexpected_text" "Text stands between elements, or elements inside a text value."
    MissingElement "missing_element" "An element that SAML requires is missing."
    MissingAttribute "missing_attribute" "An XML attribute that SAML requires is missing."
    InvalidId "invalid_id" "An ID is empty, too long or not an XML name."
    DuplicateId "duplicate_id" "Two elements have the same ID; look at who sent the message."
    ForeignId "foreign_id" "An element has an ID under another name than SAML's; look at who sent the message."
    NoAssertion "no_assertion" "The response holds no assertion."
    SeveralAssertions "several_assertions" "The response holds more than one assertion; exactly one is taken."
    AssertionElsewhere "assertion_elsewhere" "An assertion stands where none belongs: the mark of signature wrapping."
    MessageElsewhere "message_elsewhere" "A protocol message stands inside another: the mark of signature wrapping."
    SignatureElsewhere "signature_elsewhere" "A signature stands where none belongs: the mark of signature wrapping."
    SeveralSignatures "several_signatures" "An element has more than one signature."
    Lookalike "lookalike" "An element is called like one of SAML's or XML Signature's in a namespace of its own."
    NotSigned "not_signed" "Neither response nor assertion is signed; switch signing on at the identity provider."

    // The signature.
    MalformedSignature "malformed_signature" "The signature has parts missing, doubled or out of place."
    SignatureObject "signature_object" "The signature carries an Object; nothing may hide in a signature."
    SeveralReferences "several_references" "The signature has several references; exactly one is taken."
    ReferenceNotParent "reference_not_parent" "The signature signs something other than the element it stands in."
    TransformNotAllowed "transform_not_allowed" "The signature uses a transform other than enveloped-signature and exclusive canonicalisation."
    CanonicalizationNotAllowed "canonicalization_not_allowed" "The signature is not made over exclusive canonical XML without comments."
    PrefixListTooLong "prefix_list_too_long" "The InclusiveNamespaces list names more than 16 prefixes or is malformed."
    Sha1 "sha1" "The signature or digest uses SHA-1; set the identity provider to SHA-256."
    SignatureAlgorithmNotAllowed "signature_algorithm_not_allowed" "The signature algorithm is not RSA or ECDSA with SHA-2; set the identity provider to RSA-SHA256."
    DigestAlgorithmNotAllowed "digest_algorithm_not_allowed" "The digest algorithm is not SHA-256, SHA-384 or SHA-512."
    KeyTypeMismatch "key_type_mismatch" "No key of this connection fits the signature's algorithm; import the identity provider's current metadata."
    DigestMismatch "digest_mismatch" "The signed content was changed after it was signed."
    SignatureMismatch "signature_mismatch" "No key of this connection made the signature; import the identity provider's current metadata, and look at who sent it."

    // Keys and certificates.
    NoKey "no_key" "There is no usable signing key; add the other side's certificate."
    WeakKey "weak_key" "The RSA key is shorter than 2048 or longer than 8192 bits; make a new one."
    UnsupportedKey "unsupported_key" "The key is neither RSA nor ECDSA on P-256 or P-384."
    UnreadableCertificate "unreadable_certificate" "The certificate cannot be read; paste it whole, as PEM or base64."
    UnreadableKey "unreadable_key" "The private key is not PKCS #8 of RSA, P-256 or P-384, or does not belong to the certificate."

    // Encryption.
    NoDecryptionKey "no_decryption_key" "The assertion is encrypted and this connection has no key for it; publish an encryption key or switch encryption off."
    MalformedEncryption "malformed_encryption" "The encrypted assertion has parts missing, doubled or out of place."
    EncryptionNotAllowed "encryption_not_allowed" "The assertion is not encrypted with AES-128-GCM or AES-256-GCM; set the identity provider to AES-256-GCM."
    CbcNotAllowed "cbc_not_allowed" "The assertion is encrypted with AES-CBC; set AES-256-GCM, or allow CBC for this connection."
    CbcNeedsSignedResponse "cbc_needs_signed_response" "AES-CBC is taken only inside a signed response; sign the response, or use AES-256-GCM."
    KeyTransportNotAllowed "key_transport_not_allowed" "The content key is not wrapped with RSA-OAEP; RSA 1.5 is not taken."
    DecryptionFailed "decryption_failed" "The assertion could not be decrypted; give the identity provider our current encryption certificate."
    DecryptedNotAssertion "decrypted_not_assertion" "What was encrypted is not an assertion."
    EncryptedId "encrypted_id" "The subject or an attribute is encrypted by itself; encrypt the whole assertion instead."

    // The rules of the response.
    WrongVersion "wrong_version" "The message is not SAML version 2.0."
    StatusNotSuccess "status_not_success" "The identity provider refused the sign-in; its own log says why (often: the person is not assigned to the app)."
    MalformedStatus "malformed_status" "The status of the response is missing, doubled or malformed."
    WrongDestination "wrong_destination" "The message is addressed to another URL; copy our URL exactly into the other side."
    DestinationMissing "destination_missing" "A signed message has to name its Destination."
    IssuerMissing "issuer_missing" "The message does not say who issued it."
    WrongIssuer "wrong_issuer" "The issuer is not the one of this connection; compare the entity IDs character by character."
    MalformedTime "malformed_time" "A time is not written as UTC with a trailing Z."
    IssuedInFuture "issued_in_future" "The message is dated in the future; set the clocks of both sides."
    NoConditions "no_conditions" "The assertion has no Conditions, or several."
    NotYetValid "not_yet_valid" "The assertion is not valid yet; set the clocks of both sides."
    Expired "expired" "The assertion has expired; sign in again, and set the clocks of both sides."
    EmptyWindow "empty_window" "The assertion ends before it begins."
    NoAudience "no_audience" "The assertion is restricted to no audience; set the audience to our entity ID."
    WrongAudience "wrong_audience" "The assertion is meant for somebody else; set the audience to our entity ID."
    UnknownCondition "unknown_condition" "The assertion sets a condition that we do not understand and so cannot keep."
    NoSubject "no_subject" "The assertion has no Subject."
    NoNameId "no_name_id" "The subject has no NameID."
    SeveralNameIds "several_name_ids" "The subject has more than one NameID."
    NameIdEmpty "name_id_empty" "The NameID is empty; the profile of the person lacks the mapped value."
    NameIdPadded "name_id_padded" "The NameID has spaces around it or control characters in it."
    NoBearer "no_bearer" "The subject has no bearer confirmation."
    ConfirmationIncomplete "confirmation_incomplete" "The bearer confirmation lacks NotOnOrAfter or Recipient."
    ConfirmationNotBefore "confirmation_not_before" "The bearer confirmation has a NotBefore, which the web profile forbids."
    ConfirmationExpired "confirmation_expired" "The time to deliver the assertion is over; sign in again, and set the clocks of both sides."
    WrongRecipient "wrong_recipient" "The assertion is addressed to another ACS URL; copy our ACS URL exactly into the identity provider."
    UnsolicitedNotAllowed "unsolicited_not_allowed" "The sign-in was started at the identity provider, which this connection does not allow; start here, or allow it."
    RequestUnknown "request_unknown" "The response answers a request that this browser has not made."
    RequestExpired "request_expired" "The sign-in took longer than its request is valid; start again."
    WrongInResponseTo "wrong_in_response_to" "Response and confirmation do not both answer the request that this browser made."
    NoAuthnStatement "no_authn_statement" "The assertion does not say that anybody signed in."
    AuthenticatedInFuture "authenticated_in_future" "The sign-in is dated in the future; set the clocks of both sides."
    SessionOver "session_over" "The session at the identity provider is already over."

    // Metadata.
    NotMetadata "not_metadata" "The document is not SAML 2.0 metadata of one entity."
    SeveralEntities "several_entities" "The metadata describes several entities; give the file of the one to connect."
    MetadataExpired "metadata_expired" "The metadata is past its validUntil; fetch it again."
    InvalidEntityId "invalid_entity_id" "The entity ID is empty, longer than 1024 characters or holds spaces."
    RoleMissing "role_missing" "The metadata does not describe the role that is needed here; take the other side's file, not ours."
    EndpointMissing "endpoint_missing" "The metadata names no endpoint with a binding that we speak."
    LocationNotAllowed "location_not_allowed" "An address is not https (http is taken for this machine only)."

    // The bindings.
    MalformedQuery "malformed_query" "The query of the redirect is malformed."
    RepeatedParameter "repeated_parameter" "A SAML parameter stands in the query more than once, or under a disguised name."
    NoMessage "no_message" "The request carries no SAML message."
    BothMessages "both_messages" "The request carries a SAMLRequest and a SAMLResponse."
    UnknownEncoding "unknown_encoding" "The redirect's SAMLEncoding is not DEFLATE."
    InflateFailed "inflate_failed" "The redirect's message does not inflate."
    InflatesTooLarge "inflates_too_large" "The redirect's message inflates to more than 64 KiB."
    RelayStateTooLong "relay_state_too_long" "The RelayState is longer than 2048 bytes."

    // Requests to our identity provider, and logout on both sides.
    NotAnAuthnRequest "not_an_authn_request" "The document is not a SAML 2.0 AuthnRequest."
    NotALogoutMessage "not_a_logout_message" "The document is not the SAML 2.0 logout message that was expected."
    MessageNotSigned "message_not_signed" "The message has to be signed and is not; switch request signing on at the other side."
    AcsNotRegistered "acs_not_registered" "The request names an ACS URL that is not registered for this app; copy it from the app's metadata."
    BindingNotSupported "binding_not_supported" "The request wants the answer by another binding than HTTP-POST."
    RequestTooOld "request_too_old" "The request was made more than ten minutes ago; start again."
    RequestNotSupported "request_not_supported" "The request asks for something that we do not do (a subject, conditions or scoping of its own)."
    LogoutExpired "logout_expired" "The logout request has expired."

    // Issuing.
    UnwritableText "unwritable_text" "A value holds a character that XML cannot carry; clean the profile."
    SigningFailed "signing_failed" "The private key would not sign; make a new one."
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Refused {}

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Refused>;
