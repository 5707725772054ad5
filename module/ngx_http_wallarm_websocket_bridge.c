
/*
 * Loads the engine and calls it.  The only file that includes wsi.h.
 *
 * The library is loaded in a worker, after fork(): a Go runtime does not
 * survive fork().  It is never unloaded.  The master looks at the file only.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#if (NGX_LINUX)
#include <sys/prctl.h>
#endif

#include "ngx_http_wallarm_websocket_bridge.h"
#include "wsi.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY  "libwsi.so"

/* Go's sysmon inherits it and takes back an idle P at most 200 times a second
   instead of after every call: a sparse call costs 0.2-2 us, not 5-9 us */
#define NGX_HTTP_WALLARM_WEBSOCKET_SLACK    5000000

#if (NGX_PTR_SIZE == 8)
#define NGX_HTTP_WALLARM_WEBSOCKET_ELFCLASS  ELFCLASS64
#else
#define NGX_HTTP_WALLARM_WEBSOCKET_ELFCLASS  ELFCLASS32
#endif


#if (NGX_HTTP_WALLARM_WEBSOCKET_CLIENT != WSI_FROM_CLIENT)                    \
    || (NGX_HTTP_WALLARM_WEBSOCKET_SERVER != WSI_FROM_SERVER)                 \
    || (NGX_HTTP_WALLARM_WEBSOCKET_OFF != WSI_MODE_OFF)                       \
    || (NGX_HTTP_WALLARM_WEBSOCKET_MONITORING != WSI_MODE_MONITORING)         \
    || (NGX_HTTP_WALLARM_WEBSOCKET_BLOCK != WSI_MODE_BLOCK)                   \
    || (NGX_HTTP_WALLARM_WEBSOCKET_PASS != WSI_PASS)                          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_PENDING != WSI_PENDING)                    \
    || (NGX_HTTP_WALLARM_WEBSOCKET_DROP != WSI_DROP)                          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_OPAQUE != WSI_OPAQUE)                      \
    || (NGX_HTTP_WALLARM_WEBSOCKET_ERROR != WSI_ERROR)                        \
    || (NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ATTACK != WSI_LIMIT_ATTACK)          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ON != WSI_LIMIT_ON)                  \
    || (NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_OFF != WSI_LIMIT_OFF)                \
    || (NGX_HTTP_WALLARM_WEBSOCKET_ANY != WSI_MESSAGES_ANY)                   \
    || (NGX_HTTP_WALLARM_WEBSOCKET_TEXT != WSI_MESSAGES_TEXT)                 \
    || (NGX_HTTP_WALLARM_WEBSOCKET_BINARY != WSI_MESSAGES_BINARY)             \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_NONE != WSI_REQUEST_NONE)          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_HEAD != WSI_REQUEST_HEAD)          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_BODY != WSI_REQUEST_BODY)          \
    || (NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_ASSEMBLY != WSI_EXPIRE_ASSEMBLY)    \
    || (NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_VERDICT != WSI_EXPIRE_VERDICT)      \
    || (NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_MEMORY != WSI_EXPIRE_MEMORY)        \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REASON_TIME != WSI_REASON_TIME)            \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE != WSI_REASON_ENGINE)        \
    || (NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE != WSI_REASONS)           \
    || (NGX_HTTP_WALLARM_WEBSOCKET_RATES != WSI_RATES)                        \
    || (NGX_HTTP_WALLARM_WEBSOCKET_BLOCKED != WSI_ACTION_BLOCKED)             \
    || (NGX_HTTP_WALLARM_WEBSOCKET_MONITORED != WSI_ACTION_MONITORED)         \
    || (NGX_HTTP_WALLARM_WEBSOCKET_LOGGED != WSI_ACTION_LOGGED)               \
    || (NGX_HTTP_WALLARM_WEBSOCKET_DATASET_ATTACK                             \
        != WSI_DATASET_ATTACK)                                                \
    || (NGX_HTTP_WALLARM_WEBSOCKET_DATASET_IGNORED                            \
        != WSI_DATASET_IGNORED)                                               \
    || (NGX_HTTP_WALLARM_WEBSOCKET_DATASET_VIOLATION                          \
        != WSI_DATASET_VIOLATION)                                             \
    || (NGX_HTTP_WALLARM_WEBSOCKET_DATASET_CONNECTION                         \
        != WSI_DATASET_CONNECTION)                                            \
    || (NGX_HTTP_WALLARM_WEBSOCKET_IGNORED != WSI_ACTION_IGNORED)
#error bridge.h and wsi.h have different numbers
#endif


typedef struct {
    uint32_t  (*abi)(void);
    int32_t   (*init)(wsi_init_t *conf);
    uint64_t  (*policy)(wsi_statement_t *statements, size_t n,
                  uint8_t *buf, size_t size, size_t *len);
    uint32_t  (*reload)(void);
    uint32_t  (*reloaded)(uint8_t *buf, size_t size, size_t *len,
                  uint32_t *generation);
    uint64_t  (*open)(wsi_handshake_t *hs, wsi_result_t *result);
    uint64_t  (*violate)(wsi_request_t *request, wsi_str_t token,
                  wsi_result_t *result);
    uint32_t  (*identify)(wsi_request_t *request);
    uint64_t  (*request)(wsi_request_t *request, wsi_result_t *result);
    void      (*body)(uint64_t session, wsi_cbyte_t *data, size_t len,
                  uint32_t last, wsi_result_t *result);
    void      (*body_file)(uint64_t session, int32_t fd, uint64_t offset,
                  uint64_t len, uint32_t last, wsi_result_t *result);
    void      (*feed)(uint64_t session, uint32_t direction, wsi_cbyte_t *data,
                  size_t len, wsi_result_t *result);
    uint32_t  (*poll)(wsi_done_t *done);
    void      (*expire)(uint64_t session, uint32_t direction, uint32_t reason,
                  wsi_result_t *result);
    uint32_t  (*raise)(uint64_t session, uint32_t direction,
                  wsi_violation_t *violation, wsi_result_t *result);
    int64_t   (*expires)(wsi_str_t token);
    int32_t   (*event)(uint64_t session, wsi_meta_t *meta, wsi_log_t *log,
                  uint8_t *buf, size_t size, wsi_event_t *event);
    void      (*event_done)(uint64_t session);
    int32_t   (*event_summary)(wsi_log_t *log, int64_t now, uint8_t *buf,
                  size_t size, size_t *len);
    int32_t   (*connection)(uint64_t session, wsi_meta_t *meta,
                  wsi_traffic_t *traffic, uint8_t *buf, size_t size,
                  size_t *len);
    int32_t   (*close)(uint64_t session, wsi_meta_t *meta);
    uint32_t  (*drain)(uint32_t timeout_ms);
} ngx_http_wallarm_websocket_engine_t;


typedef struct {
    const char  *name;
    size_t       offset;
} ngx_http_wallarm_websocket_symbol_t;


static ngx_int_t ngx_http_wallarm_websocket_bridge_abi(u_char *p, size_t size,
    ngx_str_t *path, ngx_log_t *log);
static ngx_int_t ngx_http_wallarm_websocket_bridge_symbols(
    ngx_http_wallarm_websocket_engine_t *e, ngx_str_t *path, ngx_log_t *log);
static void ngx_http_wallarm_websocket_bridge_conf(wsi_conf_t *conf,
    ngx_http_wallarm_websocket_rules_t *rules);
static ngx_int_t ngx_http_wallarm_websocket_bridge_head(wsi_request_t *request,
    ngx_http_wallarm_websocket_head_t *head, ngx_log_t *log);
static void ngx_http_wallarm_websocket_bridge_result(
    ngx_http_wallarm_websocket_result_t *res, wsi_result_t *r);
static void ngx_http_wallarm_websocket_bridge_meta(wsi_meta_t *m,
    ngx_http_wallarm_websocket_meta_t *meta);
static ngx_int_t ngx_http_wallarm_websocket_bridge_grow(size_t size,
    ngx_log_t *log);
static ngx_int_t ngx_http_wallarm_websocket_bridge_line(int32_t rc,
    size_t len, ngx_str_t *line);
static void ngx_http_wallarm_websocket_bridge_log(wsi_log_t *l,
    ngx_http_wallarm_websocket_log_t *el);


static ngx_http_wallarm_websocket_symbol_t
    ngx_http_wallarm_websocket_symbols[] =
{
#define SYMBOL(name, field)                                                   \
    { name, offsetof(ngx_http_wallarm_websocket_engine_t, field) }

    SYMBOL("wsi_abi_7", abi),
    SYMBOL("wsi_init", init),
    SYMBOL("wsi_policy", policy),
    SYMBOL("wsi_reload", reload),
    SYMBOL("wsi_reloaded", reloaded),
    SYMBOL("wsi_open", open),
    SYMBOL("wsi_violate", violate),
    SYMBOL("wsi_identify", identify),
    SYMBOL("wsi_request", request),
    SYMBOL("wsi_body", body),
    SYMBOL("wsi_body_file", body_file),
    SYMBOL("wsi_feed", feed),
    SYMBOL("wsi_poll", poll),
    SYMBOL("wsi_expire", expire),
    SYMBOL("wsi_raise", raise),
    SYMBOL("wsi_expires", expires),
    SYMBOL("wsi_event", event),
    SYMBOL("wsi_event_done", event_done),
    SYMBOL("wsi_event_summary", event_summary),
    SYMBOL("wsi_connection", connection),
    SYMBOL("wsi_close", close),
    SYMBOL("wsi_drain", drain),
    { NULL, 0 }

#undef SYMBOL
};


static ngx_http_wallarm_websocket_engine_t  engine;
static ngx_uint_t                           engine_ready;
static char                                 engine_version[32];
static char                                 engine_go[32];
static char                                 engine_crs[32];
static ngx_uint_t                           engine_clock;

static u_char                              *event_buf;
static size_t                               event_size;

static wsi_field_t                         *fields;
static size_t                               fields_size;


ngx_str_t *
ngx_http_wallarm_websocket_bridge_path(ngx_pool_t *pool, ngx_str_t *configured)
{
    u_char     *p;
    Dl_info     info;
    ngx_str_t  *path;

    if (configured->len) {
        return configured;
    }

    path = ngx_palloc(pool, sizeof(ngx_str_t));
    if (path == NULL) {
        return NULL;
    }

    /* beside the module */

    if (dladdr(&ngx_http_wallarm_websocket_symbols, &info) != 0
        && info.dli_fname)
    {
        p = (u_char *) strrchr(info.dli_fname, '/');

        path->len = (p ? p + 1 - (u_char *) info.dli_fname : 0)
                    + sizeof(NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY) - 1;

        path->data = ngx_pnalloc(pool, path->len + 1);
        if (path->data == NULL) {
            return NULL;
        }

        p = ngx_cpymem(path->data, info.dli_fname,
                       path->len
                       - (sizeof(NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY) - 1));
        ngx_memcpy(p, NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY,
                   sizeof(NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY));

#ifdef WSI_LIBDIR
        if (access((char *) path->data, F_OK) == 0) {
            return path;
        }
#else
        return path;
#endif
    }

#ifdef WSI_LIBDIR
    ngx_str_set(path, WSI_LIBDIR "/" NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY);
#else
    ngx_str_set(path, NGX_HTTP_WALLARM_WEBSOCKET_LIBRARY);
#endif

    return path;
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_check(ngx_str_t *path, ngx_log_t *log)
{
    ssize_t           n;
    u_char           *p;
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_file_t        file;
    ngx_file_info_t   fi;
    ElfW(Ehdr)        eh, self;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "wallarm_websocket_library: " ngx_open_file_n
                      " \"%V\" failed", path);
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.fd = fd;
    file.name = *path;
    file.log = log;

    p = NULL;
    rc = NGX_ERROR;

    n = ngx_read_file(&file, (u_char *) &eh, sizeof(eh), 0);

    if (n != (ssize_t) sizeof(eh) || ngx_memcmp(eh.e_ident, ELFMAG, SELFMAG)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "wallarm_websocket_library: "
                      "\"%V\" is not a shared library", path);
        goto done;
    }

    /* this very program knows its machine */

    ngx_memzero(&self, sizeof(self));
    self.e_machine = eh.e_machine;

    file.fd = ngx_open_file("/proc/self/exe", NGX_FILE_RDONLY, NGX_FILE_OPEN,
                            0);
    if (file.fd != NGX_INVALID_FILE) {
        (void) ngx_read_file(&file, (u_char *) &self, sizeof(self), 0);
        (void) ngx_close_file(file.fd);
    }

    file.fd = fd;

    if (eh.e_ident[EI_CLASS] != NGX_HTTP_WALLARM_WEBSOCKET_ELFCLASS
        || eh.e_machine != self.e_machine)
    {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "wallarm_websocket_library: "
                      "\"%V\" is built for another architecture "
                      "(ELF class %ui, machine %ui), this nginx is "
                      "class %ui, machine %ui",
                      path, (ngx_uint_t) eh.e_ident[EI_CLASS],
                      (ngx_uint_t) eh.e_machine,
                      (ngx_uint_t) NGX_HTTP_WALLARM_WEBSOCKET_ELFCLASS,
                      (ngx_uint_t) self.e_machine);
        goto done;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || ngx_file_size(&fi) <= 0) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "wallarm_websocket_library: " ngx_fd_info_n
                      " \"%V\" failed", path);
        goto done;
    }

    p = mmap(NULL, (size_t) ngx_file_size(&fi), PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        p = NULL;
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "wallarm_websocket_library: mmap(\"%V\") failed", path);
        goto done;
    }

    rc = ngx_http_wallarm_websocket_bridge_abi(p, (size_t) ngx_file_size(&fi),
                                               path, log);

done:

    if (p) {
        (void) munmap(p, (size_t) ngx_file_size(&fi));
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


/* the ABI number is part of a symbol's name: wsi_abi_<number> */

static ngx_int_t
ngx_http_wallarm_websocket_bridge_abi(u_char *p, size_t size, ngx_str_t *path,
    ngx_log_t *log)
{
    size_t            i, j, n, name;
    u_char           *strings, *end;
    ngx_int_t         abi;
    ElfW(Ehdr)       *eh;
    ElfW(Shdr)       *sh, *str;
    ElfW(Sym)        *sym;

    static u_char     prefix[] = "wsi_abi_";

    eh = (ElfW(Ehdr) *) p;

    if (eh->e_shentsize != sizeof(ElfW(Shdr))
        || eh->e_shoff % sizeof(void *) != 0
        || eh->e_shoff > size
        || (size - eh->e_shoff) / sizeof(ElfW(Shdr)) < eh->e_shnum)
    {
        goto broken;
    }

    sh = (ElfW(Shdr) *) (p + eh->e_shoff);

    for (i = 0; i < eh->e_shnum; i++) {

        if (sh[i].sh_type != SHT_DYNSYM) {
            continue;
        }

        if (sh[i].sh_link >= eh->e_shnum) {
            goto broken;
        }

        str = &sh[sh[i].sh_link];

        if (sh[i].sh_offset % sizeof(void *) != 0
            || sh[i].sh_offset > size || sh[i].sh_size > size - sh[i].sh_offset
            || str->sh_offset > size || str->sh_size > size - str->sh_offset)
        {
            goto broken;
        }

        sym = (ElfW(Sym) *) (p + sh[i].sh_offset);
        n = sh[i].sh_size / sizeof(ElfW(Sym));

        strings = p + str->sh_offset;

        for (j = 0; j < n; j++) {
            name = sym[j].st_name;

            if (sym[j].st_shndx == SHN_UNDEF
                || name >= str->sh_size
                || str->sh_size - name <= sizeof(prefix)
                || ngx_memcmp(strings + name, prefix, sizeof(prefix) - 1) != 0)
            {
                continue;
            }

            name += sizeof(prefix) - 1;
            end = memchr(strings + name, '\0', str->sh_size - name);

            abi = end ? ngx_atoi(strings + name, end - strings - name)
                      : NGX_ERROR;

            if (abi == WSI_ABI_VERSION) {
                return NGX_OK;
            }

            ngx_log_error(NGX_LOG_EMERG, log, 0, "wallarm_websocket_library: "
                          "\"%V\" has ABI %i, this module needs ABI %d: "
                          "install both from one build",
                          path, abi, WSI_ABI_VERSION);
            return NGX_ERROR;
        }
    }

broken:

    ngx_log_error(NGX_LOG_EMERG, log, 0, "wallarm_websocket_library: \"%V\" "
                  "is not the inspection library (no symbol \"%s\")",
                  path, prefix);
    return NGX_ERROR;
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_load(ngx_str_t *path, int wake_fd,
    ngx_uint_t threads, size_t memory, ngx_log_t *log)
{
    int                                  slack;
    wsi_init_t                           init;
    ngx_int_t                            rc;
    ngx_http_wallarm_websocket_engine_t  loaded;

    if (engine_ready) {
        return NGX_OK;
    }

#ifdef PR_SET_TIMERSLACK
    slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);

    if (slack > 0) {
        (void) prctl(PR_SET_TIMERSLACK, NGX_HTTP_WALLARM_WEBSOCKET_SLACK,
                     0, 0, 0);
    }
#endif

    rc = NGX_ERROR;

    if (ngx_http_wallarm_websocket_bridge_symbols(&loaded, path, log)
        != NGX_OK)
    {
        goto done;
    }

    ngx_memzero(&init, sizeof(wsi_init_t));
    init.wake_fd = wake_fd;
    init.threads = (uint32_t) threads;
    init.memory_limit = memory;

    if (loaded.abi() != WSI_ABI_VERSION || loaded.init(&init) != 0) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "wallarm: \"%V\" did not start",
                      path);
        goto done;
    }

    engine = loaded;
    engine_ready = 1;

    ngx_memcpy(engine_version, init.version, sizeof(engine_version));
    ngx_memcpy(engine_go, init.go, sizeof(engine_go));
    ngx_memcpy(engine_crs, init.crs, sizeof(engine_crs));
    rc = NGX_OK;

    ngx_log_error(NGX_LOG_INFO, log, 0, "wallarm: \"%V\" loaded, ABI %d",
                  path, WSI_ABI_VERSION);

done:

#ifdef PR_SET_TIMERSLACK
    if (slack > 0) {
        (void) prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0);
    }
#else
    (void) slack;
#endif

    return rc;
}


static ngx_int_t
ngx_http_wallarm_websocket_bridge_symbols(
    ngx_http_wallarm_websocket_engine_t *e, ngx_str_t *path, ngx_log_t *log)
{
    void                                 *handle, *p;
    ngx_http_wallarm_websocket_symbol_t  *s;

    handle = dlopen((char *) path->data, RTLD_NOW|RTLD_LOCAL);
    if (handle == NULL) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "wallarm: dlopen() failed: %s",
                      dlerror());
        return NGX_ERROR;
    }

    for (s = ngx_http_wallarm_websocket_symbols; s->name; s++) {
        p = dlsym(handle, s->name);
        if (p == NULL) {
            ngx_log_error(NGX_LOG_ALERT, log, 0, "wallarm: \"%V\" has no "
                          "symbol \"%s\"", path, s->name);
            return NGX_ERROR;
        }

        ngx_memcpy((u_char *) e + s->offset, &p, sizeof(void *));
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_attach(ngx_str_t *path, ngx_log_t *log)
{
    return ngx_http_wallarm_websocket_bridge_symbols(&engine, path, log);
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_ready(void)
{
    return engine_ready;
}


const char *
ngx_http_wallarm_websocket_bridge_version(void)
{
    return engine_version;
}


const char *
ngx_http_wallarm_websocket_bridge_go(void)
{
    return engine_go;
}


const char *
ngx_http_wallarm_websocket_bridge_crs(void)
{
    return engine_crs;
}


void
ngx_http_wallarm_websocket_bridge_clock(void)
{
    engine_clock = 1;
}


/* ngx_current_msec is too coarse, and is that of the loop's turn */

static ngx_inline uint64_t
ngx_http_wallarm_websocket_bridge_now(void)
{
    struct timespec  ts;

    if (!engine_clock) {
        return 0;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static ngx_inline void
ngx_http_wallarm_websocket_bridge_str(wsi_str_t *to, ngx_str_t *from)
{
    to->data = from->data;
    to->len = from->len;
}


uint64_t
ngx_http_wallarm_websocket_bridge_policy(
    ngx_http_wallarm_websocket_policy_t *policy, u_char *buf, size_t size,
    size_t *len, ngx_log_t *log)
{
    uint64_t                                 number;
    wsi_str_t                               *arg;
    ngx_uint_t                               i, j, n;
    wsi_statement_t                         *to;
    ngx_http_wallarm_websocket_statement_t  *st;

    *len = 0;

    n = 0;
    st = policy->statements.elts;

    for (i = 0; i < policy->statements.nelts; i++) {
        n += st[i].nargs;
    }

    to = ngx_calloc(policy->statements.nelts * sizeof(wsi_statement_t)
                    + n * sizeof(wsi_str_t), log);
    if (to == NULL) {
        return 0;
    }

    arg = (wsi_str_t *) (to + policy->statements.nelts);

    for (i = 0; i < policy->statements.nelts; i++) {
        ngx_http_wallarm_websocket_bridge_str(&to[i].name, &st[i].name);
        ngx_http_wallarm_websocket_bridge_str(&to[i].file, &st[i].file);
        to[i].line = st[i].line;
        to[i].args = arg;
        to[i].nargs = st[i].nargs;

        for (j = 0; j < st[i].nargs; j++) {
            ngx_http_wallarm_websocket_bridge_str(arg++, &st[i].args[j]);
        }
    }

    number = engine.policy(to, policy->statements.nelts, buf, size, len);

    ngx_free(to);

    return number;
}


uint64_t
ngx_http_wallarm_websocket_bridge_open(
    ngx_http_wallarm_websocket_handshake_t *hs,
    ngx_http_wallarm_websocket_result_t *res)
{
    uint64_t         session;
    wsi_result_t     r;
    wsi_handshake_t  h;

    ngx_memzero(&h, sizeof(wsi_handshake_t));
    ngx_memzero(&r, sizeof(wsi_result_t));

    ngx_http_wallarm_websocket_bridge_str(&h.method, &hs->method);
    ngx_http_wallarm_websocket_bridge_str(&h.target, &hs->target);
    ngx_http_wallarm_websocket_bridge_str(&h.protocol, &hs->protocol);
    ngx_http_wallarm_websocket_bridge_str(&h.key, &hs->key);
    ngx_http_wallarm_websocket_bridge_str(&h.version, &hs->version);
    ngx_http_wallarm_websocket_bridge_str(&h.subprotocols, &hs->subprotocols);
    ngx_http_wallarm_websocket_bridge_str(&h.extensions, &hs->extensions);
    ngx_http_wallarm_websocket_bridge_str(&h.upgrade, &hs->upgrade);
    ngx_http_wallarm_websocket_bridge_str(&h.accept, &hs->accept);
    ngx_http_wallarm_websocket_bridge_str(&h.subprotocol, &hs->subprotocol);
    ngx_http_wallarm_websocket_bridge_str(&h.answered_extensions,
                                          &hs->answered_extensions);

    ngx_http_wallarm_websocket_bridge_conf(&h.conf, &hs->rules);
    h.cookie = hs->cookie;

    session = engine.open(&h, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);

    return session;
}


static void
ngx_http_wallarm_websocket_bridge_conf(wsi_conf_t *conf,
    ngx_http_wallarm_websocket_rules_t *rules)
{
    ngx_uint_t                            i;
    wsi_limits_t                         *to;
    ngx_http_wallarm_websocket_limits_t  *from;

    conf->policy = rules->policy;
    conf->mode[WSI_FROM_CLIENT] = (uint32_t) rules->mode[WSI_FROM_CLIENT];
    conf->mode[WSI_FROM_SERVER] = (uint32_t) rules->mode[WSI_FROM_SERVER];
    conf->threshold = (uint32_t) rules->threshold;
    conf->time_limit = (uint32_t) rules->time_limit;
    conf->limit_block = (uint32_t) rules->limit_block;
    conf->close_code = (uint32_t) rules->close_code;
    conf->drop_message = (uint32_t) rules->drop_message;
    conf->log_payload = (uint32_t) rules->log_payload;

    for (i = 0; i < 2; i++) {
        from = &rules->limits[i];
        to = &conf->limits[i];

        to->max_message = from->max_message;
        to->max_inflated = from->max_inflated;
        to->max_frame = from->max_frame;
        to->max_fragments = (uint32_t) from->max_fragments;
        to->max_inflate_ratio = (uint32_t) from->max_inflate_ratio;
        to->max_control_rate = (uint32_t) from->max_control_rate;
        to->messages = (uint32_t) from->messages;
    }
}


uint64_t
ngx_http_wallarm_websocket_bridge_violate(
    ngx_http_wallarm_websocket_head_t *head, ngx_str_t *token,
    ngx_http_wallarm_websocket_result_t *res, ngx_log_t *log)
{
    uint64_t       session;
    wsi_str_t      t;
    wsi_result_t   r;
    wsi_request_t  request;

    if (ngx_http_wallarm_websocket_bridge_head(&request, head, log)
        != NGX_OK)
    {
        return 0;
    }

    ngx_http_wallarm_websocket_bridge_str(&t, token);

    ngx_http_wallarm_websocket_bridge_conf(&request.conf, &head->rules);
    request.cookie = head->cookie;

    ngx_memzero(&r, sizeof(wsi_result_t));

    session = engine.violate(&request, t, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);

    return session;
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_identify(
    ngx_http_wallarm_websocket_head_t *head, ngx_log_t *log)
{
    wsi_request_t  request;

    if (ngx_http_wallarm_websocket_bridge_head(&request, head, log)
        != NGX_OK)
    {
        return NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_HEAD
               |NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_BODY;
    }

    return engine.identify(&request);
}


uint64_t
ngx_http_wallarm_websocket_bridge_request(
    ngx_http_wallarm_websocket_head_t *head,
    ngx_http_wallarm_websocket_result_t *res, ngx_log_t *log)
{
    uint64_t       begin, session;
    wsi_result_t   r;
    wsi_request_t  request;

    if (ngx_http_wallarm_websocket_bridge_head(&request, head, log)
        != NGX_OK)
    {
        return 0;
    }

    ngx_http_wallarm_websocket_bridge_conf(&request.conf, &head->rules);
    request.cookie = head->cookie;

    ngx_memzero(&r, sizeof(wsi_result_t));

    begin = ngx_http_wallarm_websocket_bridge_now();

    session = engine.request(&request, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);
    res->loop_time = ngx_http_wallarm_websocket_bridge_now() - begin;

    return session;
}


/* the fields are kept in one array, which grows to the longest head */

static ngx_int_t
ngx_http_wallarm_websocket_bridge_head(wsi_request_t *request,
    ngx_http_wallarm_websocket_head_t *head, ngx_log_t *log)
{
    size_t            n, size;
    ngx_uint_t        i;
    wsi_field_t      *f;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;

    for (part = &head->headers->part; part; part = part->next) {
        n += part->nelts;
    }

    if (n > fields_size) {
        size = ngx_max(n, 64);

        f = ngx_alloc(size * sizeof(wsi_field_t), log);
        if (f == NULL) {
            return NGX_ERROR;
        }

        if (fields) {
            ngx_free(fields);
        }

        fields = f;
        fields_size = size;
    }

    f = fields;

    for (part = &head->headers->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0) {
                continue;
            }

            ngx_http_wallarm_websocket_bridge_str(&f->name, &h[i].key);
            ngx_http_wallarm_websocket_bridge_str(&f->value, &h[i].value);
            f++;
        }
    }

    ngx_memzero(request, sizeof(wsi_request_t));

    ngx_http_wallarm_websocket_bridge_str(&request->method, &head->method);
    ngx_http_wallarm_websocket_bridge_str(&request->target, &head->target);

    request->fields = fields;
    request->nfields = f - fields;

    return NGX_OK;
}


void
ngx_http_wallarm_websocket_bridge_body(uint64_t session, u_char *p, size_t n,
    ngx_uint_t last, ngx_http_wallarm_websocket_result_t *res)
{
    uint64_t      begin;
    wsi_result_t  r;

    begin = ngx_http_wallarm_websocket_bridge_now();

    engine.body(session, p, n, (uint32_t) last, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);
    res->loop_time = ngx_http_wallarm_websocket_bridge_now() - begin;
}


void
ngx_http_wallarm_websocket_bridge_body_file(uint64_t session, ngx_fd_t fd,
    off_t offset, off_t n, ngx_uint_t last,
    ngx_http_wallarm_websocket_result_t *res)
{
    wsi_result_t  r;

    engine.body_file(session, fd, (uint64_t) offset, (uint64_t) n,
                     (uint32_t) last, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);
}


static void
ngx_http_wallarm_websocket_bridge_result(
    ngx_http_wallarm_websocket_result_t *res, wsi_result_t *r)
{
    res->consumed = r->consumed;
    res->release = r->release;
    res->discard = r->discard;
    res->control = r->control;
    res->need = r->need;
    res->decoded = r->decoded;
    res->bytes = (size_t) r->bytes;
    res->loop_time = 0;
    res->thread_time = r->thread_time;
    res->status = r->status;
    res->events = r->events;
    res->messages = r->messages;
    res->binary = r->binary;
    res->judged = r->judged;
    res->threaded = r->threaded;
    res->jobs = r->jobs;
    res->uninspected = r->uninspected;
    ngx_memcpy(res->reasons, r->reasons, sizeof(r->reasons));
    res->reasons[NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE] = 0;
    res->close_code = r->close_code;
    ngx_memcpy(res->rated, r->rated, sizeof(r->rated));
    res->alone = r->alone;
    res->last = r->last;
}


void
ngx_http_wallarm_websocket_bridge_feed(uint64_t session, ngx_uint_t direction,
    u_char *p, size_t n, ngx_http_wallarm_websocket_result_t *res)
{
    uint64_t      begin;
    wsi_result_t  r;

    begin = ngx_http_wallarm_websocket_bridge_now();

    engine.feed(session, (uint32_t) direction, p, n, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);
    res->loop_time = ngx_http_wallarm_websocket_bridge_now() - begin;
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_reload(void)
{
    return engine.reload();
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_reloaded(u_char *buf, size_t size,
    size_t *len, ngx_uint_t *generation)
{
    uint32_t    g;
    ngx_uint_t  busy;

    busy = engine.reloaded(buf, size, len, &g);
    *generation = g;

    return busy;
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_poll(ngx_http_wallarm_websocket_done_t *done)
{
    wsi_done_t  d;

    if (engine.poll(&d) == 0) {
        return 0;
    }

    done->cookie = d.cookie;
    done->direction = d.direction;
    ngx_http_wallarm_websocket_bridge_result(&done->result, &d.result);

    return 1;
}


void
ngx_http_wallarm_websocket_bridge_expire(uint64_t session,
    ngx_uint_t direction, ngx_uint_t reason,
    ngx_http_wallarm_websocket_result_t *res)
{
    wsi_result_t  r;

    engine.expire(session, (uint32_t) direction, (uint32_t) reason, &r);

    ngx_http_wallarm_websocket_bridge_result(res, &r);
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_raise(uint64_t session,
    ngx_uint_t direction, ngx_http_wallarm_websocket_raise_t *raise)
{
    wsi_result_t     r;
    wsi_violation_t  v;

    ngx_memzero(&r, sizeof(wsi_result_t));

    ngx_http_wallarm_websocket_bridge_str(&v.token, raise->token);
    ngx_http_wallarm_websocket_bridge_str(&v.value, &raise->value);
    v.close_code = (uint32_t) raise->close_code;
    v.message = (uint32_t) raise->message;

    return engine.raise(session, (uint32_t) direction, &v, &r);
}


int64_t
ngx_http_wallarm_websocket_bridge_expires(ngx_str_t *token)
{
    wsi_str_t  t;

    ngx_http_wallarm_websocket_bridge_str(&t, token);

    return engine.expires(t);
}


static void
ngx_http_wallarm_websocket_bridge_meta(wsi_meta_t *m,
    ngx_http_wallarm_websocket_meta_t *meta)
{
    ngx_time_t  *tp;

    ngx_memzero(m, sizeof(wsi_meta_t));

    ngx_http_wallarm_websocket_bridge_str(&m->request, &meta->request);
    ngx_http_wallarm_websocket_bridge_str(&m->remote_addr, &meta->remote_addr);
    ngx_http_wallarm_websocket_bridge_str(&m->local_addr, &meta->local_addr);
    ngx_http_wallarm_websocket_bridge_str(&m->server_name, &meta->server_name);
    ngx_http_wallarm_websocket_bridge_str(&m->request_id, &meta->request_id);
    ngx_http_wallarm_websocket_bridge_str(&m->remote_user, &meta->remote_user);
    ngx_http_wallarm_websocket_bridge_str(&m->hostname,
                                          (ngx_str_t *) &ngx_cycle->hostname);

    m->server_version.data = (u_char *) NGINX_VERSION;
    m->server_version.len = sizeof(NGINX_VERSION) - 1;

    tp = ngx_timeofday();
    m->time = (int64_t) tp->sec * 1000 + tp->msec;

    m->connection_id = meta->connection_id;
    m->remote_port = (uint32_t) meta->remote_port;
    m->local_port = (uint32_t) meta->local_port;
    m->tls = (uint32_t) meta->tls;
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_event(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta,
    ngx_http_wallarm_websocket_log_t *el,
    ngx_http_wallarm_websocket_event_t *event, ngx_log_t *log)
{
    int32_t      rc;
    wsi_log_t    l;
    wsi_meta_t   m;
    wsi_event_t  e;

    if (meta) {
        ngx_http_wallarm_websocket_bridge_meta(&m, meta);
    }

    ngx_http_wallarm_websocket_bridge_log(&l, el);

    do {
        rc = engine.event(session, meta ? &m : NULL, &l, event_buf, event_size,
                          &e);

    } while (rc == -1
             && ngx_http_wallarm_websocket_bridge_grow(e.line + e.text, log)
                == NGX_OK);

    if (rc != 1) {
        return rc == 0 ? NGX_DONE : NGX_ERROR;
    }

    event->line.data = event_buf;
    event->line.len = e.line;
    event->text.data = event_buf + e.line;
    event->text.len = e.text;
    event->attack = e.attack;
    event->action = e.action;
    event->sampled = e.sampled;

    ngx_cpystrn(event->type, (u_char *) e.type, sizeof(event->type));
    ngx_cpystrn(event->rule, (u_char *) e.rule, sizeof(event->rule));

    return NGX_OK;
}


/* the buffer is kept: a line is some kilobytes, but for full payloads */

static ngx_int_t
ngx_http_wallarm_websocket_bridge_grow(size_t size, ngx_log_t *log)
{
    u_char  *p;

    size = ngx_max(size, 16384);

    if (size <= event_size) {
        return NGX_ERROR;
    }

    p = ngx_alloc(size, log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (event_buf) {
        ngx_free(event_buf);
    }

    event_buf = p;
    event_size = size;

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_bridge_log(wsi_log_t *l,
    ngx_http_wallarm_websocket_log_t *el)
{
    ngx_memzero(l, sizeof(wsi_log_t));

    l->id = el->id;
    l->payload = (uint32_t) el->payload;
    l->sample = (uint32_t) el->sample;
    l->datasets = (uint32_t) el->datasets;
}


/* of a call that gave a line, or none */

static ngx_int_t
ngx_http_wallarm_websocket_bridge_line(int32_t rc, size_t len, ngx_str_t *line)
{
    if (rc != 1) {
        return rc == 0 ? NGX_DONE : NGX_ERROR;
    }

    line->data = event_buf;
    line->len = len;

    return NGX_OK;
}


void
ngx_http_wallarm_websocket_bridge_event_done(uint64_t session)
{
    engine.event_done(session);
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_summary(ngx_http_wallarm_websocket_log_t *el,
    ngx_uint_t all, ngx_str_t *line, ngx_log_t *log)
{
    size_t        len;
    int32_t       rc;
    int64_t       now;
    wsi_log_t     l;
    ngx_time_t   *tp;

    ngx_http_wallarm_websocket_bridge_log(&l, el);

    tp = ngx_timeofday();
    now = all ? 0 : (int64_t) tp->sec * 1000 + tp->msec;

    do {
        rc = engine.event_summary(&l, now, event_buf, event_size, &len);

    } while (rc == -1
             && ngx_http_wallarm_websocket_bridge_grow(len, log) == NGX_OK);

    return ngx_http_wallarm_websocket_bridge_line(rc, len, line);
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_connection(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta,
    ngx_http_wallarm_websocket_traffic_t *traffic, ngx_str_t *line,
    ngx_log_t *log)
{
    size_t         len;
    int32_t        rc;
    wsi_meta_t     m;
    wsi_traffic_t  t;

    ngx_http_wallarm_websocket_bridge_meta(&m, meta);

    if (traffic) {
        t.duration = traffic->duration;
        t.bytes[WSI_FROM_CLIENT] = traffic->bytes[WSI_FROM_CLIENT];
        t.bytes[WSI_FROM_SERVER] = traffic->bytes[WSI_FROM_SERVER];
        t.attacks = traffic->attacks;
    }

    do {
        rc = engine.connection(session, &m, traffic ? &t : NULL, event_buf,
                               event_size, &len);

    } while (rc == -1
             && ngx_http_wallarm_websocket_bridge_grow(len, log) == NGX_OK);

    return ngx_http_wallarm_websocket_bridge_line(rc, len, line);
}


ngx_int_t
ngx_http_wallarm_websocket_bridge_close(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta)
{
    wsi_meta_t  m;

    if (meta) {
        ngx_http_wallarm_websocket_bridge_meta(&m, meta);
    }

    return engine.close(session, meta ? &m : NULL) ? NGX_AGAIN : NGX_OK;
}


ngx_uint_t
ngx_http_wallarm_websocket_bridge_drain(ngx_msec_t timeout)
{
    return engine.drain((uint32_t) timeout);
}
