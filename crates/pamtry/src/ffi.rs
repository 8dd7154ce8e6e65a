//! The application's side of libpam.
#![expect(unsafe_code, reason = "libpam is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

/// `pam_handle_t`, of which only pointers exist here.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    converse: extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        directory: *const c_char,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_set_item(handle: *mut Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: *mut Handle, pair: *const c_char) -> c_int;
    fn pam_authenticate(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_end(handle: *mut Handle, status: c_int) -> c_int;
}

const PAM_SUCCESS: c_int = 0;
const PAM_CONV_ERR: c_int = 19;
const PAM_SILENT: c_int = 0x8000;
const PAM_ESTABLISH_CRED: c_int = 2;
const PAM_FAIL_DELAY: c_int = 10;

static CONVERSATION: Conversation = Conversation {
    converse,
    data: ptr::null_mut(),
};

// SAFETY: its pointer is null, and nobody changes it.
unsafe impl Sync for Conversation {}

/// What the application knows of a login.
#[derive(Clone, Copy)]
pub(crate) enum Item {
    User = 2,
    Tty = 3,
    RemoteHost = 4,
}

/// What it asks of PAM.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Authenticate,
    Account,
    SetCredentials,
}

/// A transaction with PAM.
pub(crate) struct Application {
    handle: *mut Handle,
    last: c_int,
}

impl Application {
    pub(crate) fn start(directory: &CStr, service: &CStr, user: &CStr) -> Option<Self> {
        let mut handle = ptr::null_mut();
        // SAFETY: the texts end with a 0 byte and are copied; the conversation is static; the handle is
        // ours to be written to.
        let code = unsafe {
            pam_start_confdir(
                service.as_ptr(),
                user.as_ptr(),
                &raw const CONVERSATION,
                directory.as_ptr(),
                &raw mut handle,
            )
        };
        if code != PAM_SUCCESS || handle.is_null() {
            return None;
        }
        let delay: extern "C" fn(c_int, c_uint, *mut c_void) = delay;
        // SAFETY: the handle is valid; this item is a function of exactly this type, pam_fail_delay(3).
        unsafe { pam_set_item(handle, PAM_FAIL_DELAY, delay as *const c_void) };
        Some(Self {
            handle,
            last: PAM_SUCCESS,
        })
    }

    pub(crate) fn set(&mut self, item: Item, value: &CStr) {
        // SAFETY: the handle is valid until it is dropped; the items of `Item` are texts, and copied.
        unsafe { pam_set_item(self.handle, item as c_int, value.as_ptr().cast()) };
    }

    pub(crate) fn put_environment(&mut self, pair: &CStr) {
        // SAFETY: the handle is valid; the text is copied, pam_putenv(3).
        unsafe { pam_putenv(self.handle, pair.as_ptr()) };
    }

    pub(crate) fn run(&mut self, phase: Phase, is_silent: bool) -> c_int {
        let flags = if is_silent { PAM_SILENT } else { 0 };
        // SAFETY: the handle is valid, and nobody else uses it.
        self.last = unsafe {
            match phase {
                Phase::Authenticate => pam_authenticate(self.handle, flags),
                Phase::Account => pam_acct_mgmt(self.handle, flags),
                Phase::SetCredentials => pam_setcred(self.handle, flags | PAM_ESTABLISH_CRED),
            }
        };
        self.last
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // SAFETY: the handle is valid, and not used again.
        unsafe { pam_end(self.handle, self.last) };
    }
}

/// `pam_conv(3)`: the responses are ours to allocate, and libpam's to free.
extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    _: *mut c_void,
) -> c_int {
    let count = usize::try_from(count).unwrap_or_default();
    // SAFETY: calloc has no conditions; what it gives is checked.
    let filled: *mut Response = unsafe { libc::calloc(count.max(1), size_of::<Response>()) }.cast();
    if filled.is_null() {
        return PAM_CONV_ERR;
    }
    for at in 0..count {
        // SAFETY: Linux-PAM passes an array of this many pointers to messages, whose texts end with a
        // 0 byte.
        let (style, text) = unsafe {
            let message = &**messages.add(at);
            (message.style, CStr::from_ptr(message.text))
        };
        let style = match style {
            1 => "secret",
            2 => "prompt",
            3 => "error",
            _ => "info",
        };
        let typed = super::converse(style, &text.to_string_lossy());
        let Some(Ok(typed)) = typed.map(CString::new) else {
            // The test ends here: what is filled so far is not worth freeing.
            return PAM_CONV_ERR;
        };
        // SAFETY: the array has `count` elements, and the text ends with a 0 byte.
        unsafe { (*filled.add(at)).text = libc::strdup(typed.as_ptr()) };
    }
    // SAFETY: libpam passes a place for one pointer.
    unsafe { *responses = filled };
    PAM_SUCCESS
}

extern "C" fn delay(_: c_int, micros: c_uint, _: *mut c_void) {
    if micros > 0 {
        super::wait(micros);
    }
}
