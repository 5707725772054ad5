
/*
 * Calls libwsi.so over wsi.h as NGINX does: loaded by a forked child, which
 * alone starts a Go runtime.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wsi.h"


#define SESSIONS    10000
#define LARGE       300000
#define WAIT        60000            /* ms, for a verdict */
#define BUFFER      (128 * 1024)

#define CHECK(ok)                                                             \
    do {                                                                      \
        if (!(ok)) {                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #ok);  \
            return 0;                                                         \
        }                                                                     \
    } while (0)

#define STR(s)      { (wsi_cbyte_t *) (s), sizeof(s) - 1 }

#define CHAT(text)  "42[\"chat message\",{\"text\":\"" text "\"}]"
#define BENIGN      CHAT("good morning, all")
#define ATTACK      CHAT("<script>alert(1)</script>")


typedef struct {
    const char  *name;
    int        (*run)(void);
} test_t;


static struct {
    uint32_t  (*abi)(void);
    int32_t   (*init)(wsi_init_t *conf);
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
    uint64_t  (*policy)(wsi_statement_t *statements, size_t n,
                  uint8_t *buf, size_t size, size_t *len);
    uint32_t  (*reload)(void);
    uint32_t  (*reloaded)(uint8_t *buf, size_t size, size_t *len,
                  uint32_t *generation);
    int32_t   (*event)(uint64_t session, wsi_meta_t *meta, wsi_log_t *log,
                  uint8_t *buf, size_t size, wsi_event_t *event);
    void      (*event_done)(uint64_t session);
    int32_t   (*event_summary)(wsi_log_t *log, int64_t now, uint8_t *buf,
                  size_t size, size_t *len);
    int32_t   (*connection)(uint64_t session, wsi_meta_t *meta,
                  wsi_traffic_t *traffic, uint8_t *buf, size_t size,
                  size_t *len);
    uint32_t  (*raise)(uint64_t session, uint32_t direction,
                  wsi_violation_t *violation, wsi_result_t *result);
    int64_t   (*expires)(wsi_str_t token);
    int32_t   (*close)(uint64_t session, wsi_meta_t *meta);
    uint32_t  (*drain)(uint32_t timeout_ms);
} wsi;

static int      wake_fd;
static uint8_t  buffer[BUFFER];


static wsi_handshake_t
handshake(uint32_t client, uint32_t server)
{
    wsi_handshake_t  hs = {
        .method = STR("GET"),
        .target = STR("/socket.io/?EIO=4&transport=websocket"),
        .protocol = STR("HTTP/1.1"),
        .key = STR("dGhlIHNhbXBsZSBub25jZQ=="),
        .version = STR("13"),
        .upgrade = STR("websocket"),
        .accept = STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        .conf = {
            .mode = { client, server },
            .threshold = 5,
            .time_limit = 60000,
            .limits = {
                { .max_message = 16 * 1024 * 1024,
                  .max_inflated = 16 * 1024 * 1024 },
                { .max_message = 16 * 1024 * 1024,
                  .max_inflated = 16 * 1024 * 1024 }
            }
        },
        .cookie = 0x123456789abcdef0
    };

    return hs;
}


/* the oldest event for a log that takes all, done with if it was written */

static int32_t
event(uint64_t session, wsi_meta_t *m, size_t size, wsi_event_t *e)
{
    int32_t    rc;
    wsi_log_t  log = {
        .payload = 8192,
        .datasets = WSI_DATASET_ATTACK|WSI_DATASET_IGNORED|WSI_DATASET_VIOLATION
    };

    rc = wsi.event(session, m, &log, buffer, size, e);

    if (rc == 1) {
        wsi.event_done(session);
    }

    return rc;
}


static uint64_t
start(uint32_t client, uint32_t server)
{
    uint64_t         session;
    wsi_result_t     r;
    wsi_handshake_t  hs;

    hs = handshake(client, server);
    session = wsi.open(&hs, &r);

    return (r.status == WSI_PASS && r.events == 0 && r.need == 0) ? session : 0;
}


static wsi_meta_t
meta(void)
{
    wsi_meta_t  m = {
        .request = STR("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                       "Host: chat.example\r\nCookie: secret\r\n\r\n"),
        .remote_addr = STR("192.0.2.7"),
        .local_addr = STR("198.51.100.1"),
        .server_name = STR("chat.example"),
        .connection_id = 42,
        .time = 1700000000000,
        .remote_port = 50000,
        .local_port = 443,
        .tls = 1
    };

    return m;
}


/* a text frame from the client; returns its size */

static size_t
frame(uint8_t *p, const char *text, size_t n)
{
    size_t         i;
    uint8_t       *begin = p;
    const uint8_t  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    *p++ = 0x81;

    if (n < 126) {
        *p++ = 0x80 | n;

    } else if (n < 65536) {
        *p++ = 0x80 | 126;
        *p++ = n >> 8;
        *p++ = n;

    } else {
        *p++ = 0x80 | 127;

        for (i = 0; i < 8; i++) {
            *p++ = (uint64_t) n >> (56 - 8 * i);
        }
    }

    memcpy(p, mask, 4);
    p += 4;

    for (i = 0; i < n; i++) {
        *p++ = text[i] ^ mask[i & 3];
    }

    return p - begin;
}


/* a frame with a large message, with attack in it or not */

static uint8_t *
large_frame(int attack, size_t *size)
{
    char     *text;
    size_t    n;
    uint8_t  *p;

    text = malloc(LARGE + 100);
    p = malloc(LARGE + 100);

    memset(text, 'a', LARGE);
    n = sprintf(text, "42[\"chat message\",\"");
    text[n] = 'a';
    strcpy(text + LARGE, attack ? "\",\"<script>alert(1)</script>\"]" : "\"]");

    *size = frame(p, text, strlen(text));
    free(text);

    return p;
}


/* waits as the event loop of NGINX would */

static int
verdict(wsi_done_t *done)
{
    uint64_t       n;
    struct pollfd  pfd = { .fd = wake_fd, .events = POLLIN };

    while (wsi.poll(done) == 0) {
        CHECK(poll(&pfd, 1, WAIT) == 1);
        CHECK(read(wake_fd, &n, sizeof(n)) == sizeof(n));
    }

    return 1;
}


static size_t
rss(void)
{
    FILE    *f;
    size_t   size, resident;

    f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%zu %zu", &size, &resident) != 2) {
        resident = 0;
    }

    if (f) {
        fclose(f);
    }

    return resident * sysconf(_SC_PAGESIZE);
}


static int
test_abi(void)
{
    CHECK(wsi.abi() == WSI_ABI_VERSION);
    return 1;
}


/* however it arrives, what is released is what was given */

static int
test_benign(void)
{
    size_t        n, i, step, held, out;
    uint8_t       in[512], forwarded[512];
    uint64_t      s;
    wsi_result_t  r;

    n = frame(in, "40", 2);
    n += frame(in + n, BENIGN, strlen(BENIGN));
    n += frame(in + n, "3", 1);

    for (step = 1; step <= n; step++) {

        s = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
        CHECK(s != 0);

        held = 0;
        out = 0;

        for (i = 0; i < n; i += r.consumed) {
            wsi.feed(s, WSI_FROM_CLIENT, in + i,
                     step < n - i ? step : n - i, &r);

            CHECK(r.status == WSI_PASS);
            CHECK(r.consumed > 0);
            CHECK(r.control == 0);

            held += r.consumed;
            CHECK(r.release <= held);

            memcpy(forwarded + out, in + out, r.release);
            out += r.release;
            held -= r.release;
        }

        CHECK(out == n && held == 0);
        CHECK(memcmp(in, forwarded, n) == 0);
        CHECK(r.need == 0);
        CHECK(r.events == 0);
        CHECK(wsi.close(s, NULL) == 0);
    }

    return 1;
}


static int
test_attack(void)
{
    size_t        n, benign;
    char         *line;
    uint8_t       in[512];
    uint64_t      s;
    wsi_meta_t    m;
    wsi_event_t   e;
    wsi_result_t  r;

    benign = frame(in, BENIGN, strlen(BENIGN));
    n = benign + frame(in + benign, ATTACK, strlen(ATTACK));

    s = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    wsi.feed(s, WSI_FROM_CLIENT, in, n, &r);

    CHECK(r.status == WSI_DROP);
    CHECK(r.close_code == 1008);
    CHECK(r.consumed == n);
    CHECK(r.release == benign);
    CHECK(r.messages == 2);
    CHECK(r.events == 1);

    m = meta();

    CHECK(event(s, &m, 10, &e) == -1);
    CHECK(e.line > 10 && e.text > 0);
    n = e.line + e.text;

    CHECK(event(s, &m, n - 1, &e) == -1);
    CHECK(event(s, &m, n, &e) == 1);
    CHECK(e.line + e.text == n);
    CHECK(e.attack == 1);
    CHECK(strcmp(e.type, "xss") == 0);
    CHECK(strncmp(e.rule, "941", 3) == 0);

    line = (char *) buffer;
    CHECK(line[0] == '{' && line[e.line - 1] == '\n');
    line[e.line - 1] = '\0';
    CHECK(strstr(line, "192.0.2.7") != NULL);
    CHECK(strstr(line, "chat.example") != NULL);
    CHECK(strstr(line, "WEBSOCKET/13") != NULL);
    CHECK(strstr(line, "secret") == NULL);
    CHECK(memchr(buffer + e.line, '\n', e.text) == NULL);

    CHECK(event(s, &m, BUFFER, &e) == 0);

    wsi.feed(s, WSI_FROM_CLIENT, in, benign, &r);
    CHECK(r.status == WSI_DROP && r.release == 0);

    CHECK(wsi.close(s, &m) == 0);

    return 1;
}


/* what is not WebSocket is refused, or passed; both say why */

static int
test_handshake(void)
{
    uint64_t         s;
    wsi_meta_t       m;
    wsi_event_t      e;
    wsi_result_t     r;
    wsi_handshake_t  hs;
    const wsi_str_t  foreign = STR("x-foreign");

    m = meta();

    hs = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    hs.extensions = foreign;
    hs.answered_extensions = foreign;
    s = wsi.open(&hs, &r);
    CHECK(s != 0 && r.status == WSI_DROP && r.events == 1);
    CHECK(event(s, &m, BUFFER, &e) == 1);
    CHECK(e.attack == 0);
    CHECK(strcmp(e.type, "handshake_extension_unknown") == 0);
    CHECK(wsi.close(s, NULL) == 0);

    hs.conf.mode[WSI_FROM_CLIENT] = WSI_MODE_MONITORING;
    s = wsi.open(&hs, &r);
    CHECK(s != 0 && r.status == WSI_OPAQUE && r.events == 1);
    CHECK(r.need == SIZE_MAX);
    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


/* what the caller sees is judged and logged as what the engine sees */

static int
test_violate(void)
{
    char              *line;
    unsigned           i;
    uint64_t           s;
    wsi_meta_t         m;
    wsi_event_t        e;
    wsi_result_t       r;
    wsi_handshake_t    hs;
    wsi_request_t      rq;
    const wsi_str_t    token = STR("handshake_origin_denied");
    const wsi_str_t    unknown = STR("handshake_moon");
    const wsi_field_t  origin = { STR("Origin"), STR("https://evil.example") };

    m = meta();

    for (i = WSI_MODE_OFF; i <= WSI_MODE_BLOCK; i++) {
        hs = handshake(i, WSI_MODE_MONITORING);

        memset(&rq, 0, sizeof(rq));
        rq.target = hs.target;
        rq.fields = &origin;
        rq.nfields = 1;
        rq.conf = hs.conf;

        s = wsi.violate(&rq, token, &r);
        CHECK(s != 0);
        CHECK(r.status == (i == WSI_MODE_BLOCK ? WSI_DROP : WSI_PASS));
        CHECK(r.close_code == (i == WSI_MODE_BLOCK ? 403 : 0));
        CHECK(r.events == (i != WSI_MODE_OFF));

        if (r.events) {
            CHECK(event(s, &m, BUFFER, &e) == 1);
            CHECK(e.attack == 0);
            line = (char *) buffer;
            line[e.line - 1] = '\0';
            CHECK(strstr(line, "handshake_origin_denied") != NULL);
            CHECK(strstr(line, "https://evil.example") != NULL);
        }

        CHECK(wsi.close(s, NULL) == 0);
    }

    CHECK(wsi.violate(&rq, unknown, &r) == 0 && r.status == WSI_ERROR);

    return 1;
}


static int
test_pending(void)
{
    int           attack;
    size_t        n;
    uint8_t      *in;
    uint64_t      s;
    wsi_done_t    done;
    wsi_result_t  r;

    for (attack = 0; attack < 2; attack++) {
        in = large_frame(attack, &n);

        s = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
        wsi.feed(s, WSI_FROM_CLIENT, in, n, &r);

        CHECK(r.status == WSI_PENDING);
        CHECK(r.consumed == n && r.release == 0);
        CHECK(r.decoded >= LARGE);

        CHECK(verdict(&done));
        CHECK(done.cookie == 0x123456789abcdef0);
        CHECK(done.direction == WSI_FROM_CLIENT);
        CHECK(done.result.status == (attack ? WSI_DROP : WSI_PASS));
        CHECK(done.result.release == (attack ? 0 : n));
        CHECK(done.result.events == (uint32_t) attack);
        CHECK(done.result.decoded == 0);

        CHECK(wsi.close(s, NULL) == 0);
        free(in);
    }

    return 1;
}


/* the connection is gone before the verdict */

static int
test_close_pending(void)
{
    size_t        n;
    uint8_t      *in;
    uint64_t      s;
    wsi_meta_t    m;
    wsi_done_t    done;
    wsi_event_t   e;
    wsi_result_t  r;

    in = large_frame(1, &n);

    s = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    wsi.feed(s, WSI_FROM_CLIENT, in, n, &r);
    CHECK(r.status == WSI_PENDING);
    free(in);

    m = meta();
    CHECK(wsi.close(s, NULL) == 1);
    CHECK(wsi.close(s, &m) == 1);
    memset(&m, 0xff, sizeof(wsi_meta_t));

    CHECK(wsi.drain(WAIT) == 0);
    CHECK(verdict(&done));
    CHECK(done.result.release == 0);
    CHECK(done.result.events == 1);

    CHECK(event(s, NULL, BUFFER, &e) == 1);
    CHECK(strcmp(e.type, "xss") == 0);
    buffer[e.line] = '\0';
    CHECK(strstr((char *) buffer, "192.0.2.7") != NULL);
    CHECK(event(s, NULL, BUFFER, &e) == 0);

    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


static int
test_expire(void)
{
    size_t        n;
    uint32_t      reason;
    uint8_t       in[512];
    uint64_t      s;
    wsi_event_t   e;
    wsi_result_t  r;

    static const struct {
        const char  *type;
        uint32_t     code;
    } expected[] = {
        { "message_assembly_timeout", 1008 },
        { "process_time_limit", 1008 },
        { "memory_exhausted", 1013 },
    };

    n = frame(in, BENIGN, strlen(BENIGN));

    for (reason = WSI_EXPIRE_ASSEMBLY; reason <= WSI_EXPIRE_MEMORY; reason++) {
        s = start(WSI_MODE_BLOCK, WSI_MODE_BLOCK);
        wsi.feed(s, WSI_FROM_CLIENT, in, n - 1, &r);
        CHECK(r.status == WSI_PASS && r.release == 0 && r.need == 1);

        wsi.expire(s, WSI_FROM_CLIENT, reason, &r);
        CHECK(r.status == WSI_DROP);
        CHECK(r.close_code == expected[reason].code);
        CHECK(event(s, NULL, BUFFER, &e) == 1);
        CHECK(strcmp(e.type, expected[reason].type) == 0);
        CHECK(wsi.close(s, NULL) == 0);
    }

    return 1;
}


/* one message is taken out, those before and behind it pass */

static int
test_drop_message(void)
{
    size_t           n, good, bad;
    uint8_t          in[512];
    uint64_t         s;
    wsi_result_t     r;
    wsi_handshake_t  hs;

    good = frame(in, BENIGN, strlen(BENIGN));
    bad = frame(in + good, ATTACK, strlen(ATTACK));
    n = good + bad;
    n += frame(in + n, BENIGN, strlen(BENIGN));

    hs = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    hs.conf.drop_message = 1;
    s = wsi.open(&hs, &r);
    CHECK(s != 0);

    wsi.feed(s, WSI_FROM_CLIENT, in, n, &r);
    CHECK(r.status == WSI_PASS && r.events == 1);
    CHECK(r.consumed == good + bad && r.release == good && r.discard == bad);

    wsi.feed(s, WSI_FROM_CLIENT, in + good + bad, good, &r);
    CHECK(r.status == WSI_PASS);
    CHECK(r.consumed == good && r.release == good && r.discard == 0);

    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


/* requests that poll, their bodies in memory and in a file that is removed */

static int
test_raise(void)
{
    uint64_t         s;
    wsi_meta_t       m;
    wsi_event_t      e;
    wsi_result_t     r;
    wsi_handshake_t  hs;
    wsi_violation_t  v = { .token = STR("event_rate"), .value = STR("chat.*"),
                           .message = 1 };

    m = meta();

    hs = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    s = wsi.open(&hs, &r);
    CHECK(s != 0 && r.status == WSI_PASS);

    CHECK(wsi.raise(s, WSI_FROM_CLIENT, &v, &r) == 1);
    CHECK(r.status == WSI_PASS && r.events == 1);
    CHECK(event(s, &m, BUFFER, &e) == 1);
    CHECK(strcmp(e.type, "event_rate") == 0);
    CHECK(strstr((char *) buffer, "\"value\":\"chat.*\"") != NULL);

    v = (wsi_violation_t) { .token = STR("connection_too_old"),
                            .close_code = 1013 };
    CHECK(wsi.raise(s, WSI_FROM_CLIENT, &v, &r) == 1);
    CHECK(r.status == WSI_DROP && r.close_code == 1013 && r.events == 1);
    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


static int
test_expires(void)
{
    /* {"exp":1700000000} */
    const wsi_str_t  token = STR("Bearer e30.eyJleHAiOjE3MDAwMDAwMDB9.c2ln");
    const wsi_str_t  other = STR("no token");

    CHECK(wsi.expires(token) == 1700000000000);
    CHECK(wsi.expires(other) == 0);

    return 1;
}


static int
test_request(void)
{
    FILE              *f;
    unsigned           i;
    uint64_t           s;
    wsi_done_t         done;
    wsi_result_t       r;
    wsi_request_t      rq;
    const wsi_field_t  fields[] = {
        { STR("Host"), STR("chat.example") },
        { STR("X-User"), STR("<script>alert(1)</script>") }
    };
    const char        *bodies[] = { BENIGN, ATTACK };

    memset(&rq, 0, sizeof(rq));
    rq.method = (wsi_str_t) STR("POST");
    rq.target = (wsi_str_t) STR("/items?id=1");
    rq.fields = fields;
    rq.nfields = 1;
    CHECK(wsi.identify(&rq) == WSI_REQUEST_NONE);

    rq.target = (wsi_str_t) STR("/socket.io/?EIO=4&transport=polling");
    CHECK(wsi.identify(&rq) == (WSI_REQUEST_HEAD|WSI_REQUEST_BODY));

    rq.conf = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING).conf;
    rq.cookie = 0x123456789abcdef0;

    for (i = 0; i < 2; i++) {
        s = wsi.request(&rq, &r);
        CHECK(s != 0 && r.status == WSI_PASS);

        wsi.body(s, (wsi_cbyte_t *) bodies[i], 10, 0, &r);
        CHECK(r.status == WSI_PASS && r.decoded == 10);

        wsi.body(s, (wsi_cbyte_t *) bodies[i] + 10, strlen(bodies[i]) - 10, 1,
                 &r);
        CHECK(r.status == (i ? WSI_DROP : WSI_PASS));
        CHECK(r.close_code == (i ? 403 : 0));
        CHECK(r.messages == 1 && r.decoded == 0 && r.events == i);
        CHECK(wsi.close(s, NULL) == 0);

        s = wsi.request(&rq, &r);
        f = tmpfile();
        CHECK(f != NULL && fputs(bodies[i], f) > 0 && fflush(f) == 0);
        wsi.body_file(s, fileno(f), 0, strlen(bodies[i]), 1, &r);
        fclose(f);
        CHECK(r.status == WSI_PENDING);
        CHECK(verdict(&done));
        CHECK(done.cookie == rq.cookie);
        CHECK(done.result.status == (i ? WSI_DROP : WSI_PASS));
        CHECK(done.result.decoded == 0 && done.result.events == i);
        CHECK(wsi.close(s, NULL) == 0);
    }

    s = wsi.request(&rq, &r);
    wsi.body_file(s, -1, 0, 10, 1, &r);
    CHECK(r.status == WSI_DROP && r.close_code == 403);
    CHECK(wsi.close(s, NULL) == 0);

    rq.nfields = 2;
    s = wsi.request(&rq, &r);
    CHECK(r.status == WSI_DROP && r.close_code == 403 && r.events == 1);
    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


/* a handle that is none is an error, not a crash */

static int
test_stale(void)
{
    int           saved, ok;
    FILE         *log;
    uint64_t      s, handles[4];
    unsigned      i;
    wsi_event_t   e;
    wsi_result_t  r;

    s = start(WSI_MODE_BLOCK, WSI_MODE_BLOCK);
    CHECK(wsi.close(s, NULL) == 0);

    handles[0] = s;
    handles[1] = 0;
    handles[2] = UINT64_MAX;
    handles[3] = start(WSI_MODE_BLOCK, WSI_MODE_BLOCK) + 1000;

    log = tmpfile();
    CHECK(log != NULL);
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    dup2(fileno(log), STDERR_FILENO);

    ok = 1;

    for (i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        wsi.feed(handles[i], WSI_FROM_CLIENT, (wsi_cbyte_t *) "a", 1, &r);
        ok = ok && r.status == WSI_ERROR && r.consumed == 0;

        wsi.expire(handles[i], WSI_FROM_SERVER, WSI_EXPIRE_MEMORY, &r);
        ok = ok && r.status == WSI_ERROR;

        wsi.body(handles[i], (wsi_cbyte_t *) "a", 1, 1, &r);
        ok = ok && r.status == WSI_ERROR;

        wsi.body_file(handles[i], STDIN_FILENO, 0, 1, 1, &r);
        ok = ok && r.status == WSI_ERROR;

        ok = ok && event(handles[i], NULL, BUFFER, &e) == 0;
        ok = ok && wsi.close(handles[i], NULL) == 0;
    }

    dup2(saved, STDERR_FILENO);
    close(saved);

    CHECK(ok);
    CHECK(lseek(fileno(log), 0, SEEK_END) > 0);
    fclose(log);

    CHECK(wsi.close(handles[3] - 1000, NULL) == 0);

    return 1;
}


/* sessions cost little and give all back; the collector runs meanwhile */

static int
test_sessions(void)
{
    int            round;
    size_t         n, i, before, open, after, first;
    uint8_t        in[512];
    wsi_event_t    e;
    wsi_result_t   r;
    static uint64_t  s[SESSIONS];

    n = frame(in, ATTACK, strlen(ATTACK));
    before = rss();
    first = 0;
    open = 0;

    for (round = 0; round < 5; round++) {

        for (i = 0; i < SESSIONS; i++) {
            s[i] = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
            CHECK(s[i] != 0);
        }

        if (round == 0) {
            open = rss();
        }

        for (i = 0; i < SESSIONS; i++) {
            wsi.feed(s[i], WSI_FROM_CLIENT, in, n, &r);
            CHECK(r.status == WSI_DROP);
            CHECK(event(s[i], NULL, BUFFER, &e) == 1);
            CHECK(wsi.close(s[i], NULL) == 0);
        }

        after = rss();

        if (round == 1) {
            first = after;
        }
    }

    open = open > before ? open - before : 0;

    printf("    %zu bytes per open session\n", open / SESSIONS);

    CHECK(open < SESSIONS * 2000);
    CHECK(after < first + 4 * 1024 * 1024);

    return 1;
}


/* the lines of a connection, and what a sample held back */

static int
test_log(void)
{
    size_t         i, n, len;
    uint8_t        in[512];
    uint64_t       s;
    wsi_log_t      log = { .id = 7, .sample = 1, .datasets = WSI_DATASET_ATTACK };
    wsi_meta_t     m;
    wsi_event_t    e;
    wsi_result_t   r;
    wsi_traffic_t  traffic = { .duration = 1500, .bytes = { 10, 20 } };

    m = meta();
    n = frame(in, ATTACK, strlen(ATTACK));

    for (i = 0; i < 3; i++) {
        s = start(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
        CHECK(wsi.connection(s, &m, NULL, buffer, 10, &len) == -1);
        CHECK(wsi.connection(s, &m, NULL, buffer, len, &len) == 1);
        CHECK(memmem(buffer, len, "\"opened\"", 8) != NULL);

        wsi.feed(s, WSI_FROM_CLIENT, in, n, &r);
        CHECK(wsi.event(s, &m, &log, buffer, BUFFER, &e) == 1);
        CHECK((e.line == 0) == (i > 0) && e.sampled == (i > 0));
        CHECK(e.text > 0);
        wsi.event_done(s);
        CHECK(wsi.event(s, &m, &log, buffer, BUFFER, &e) == 0);

        CHECK(wsi.connection(s, &m, &traffic, buffer, BUFFER, &len) == 1);
        CHECK(memmem(buffer, len, "\"duration\":1500000000", 21) != NULL);
        CHECK(wsi.close(s, NULL) == 0);
    }

    CHECK(wsi.event_summary(&log, m.time + 1000, buffer, BUFFER, &len) == 0);
    CHECK(wsi.event_summary(&log, m.time + 60000, buffer, 10, &len) == -1);
    CHECK(wsi.event_summary(&log, m.time + 60000, buffer, len, &len) == 1);
    CHECK(memmem(buffer, len, "\"hits\":2,", 9) != NULL);
    CHECK(wsi.event_summary(&log, 0, buffer, BUFFER, &len) == 0);

    return 1;
}


/* what the engine says of statements, and a session under a policy */

static int
test_policy(void)
{
    size_t           len;
    uint64_t         n, s;
    wsi_str_t        args[2] = { STR("base64"), STR("no parser") };
    wsi_result_t     r;
    wsi_handshake_t  hs;
    wsi_statement_t  st = {
        .name = STR("wallarm_parser_disable"), .args = args, .nargs = 2,
        .file = STR("nginx.conf"), .line = 12
    };

    CHECK(wsi.policy(&st, 1, buffer, BUFFER, &len) == 0);
    CHECK(len > 0 && buffer[0] == 'e' && buffer[len - 1] == '\n');
    CHECK(len > 18);
    CHECK(memcmp(buffer + len - 18, " in nginx.conf:12\n", 18) == 0);

    CHECK(wsi.policy(&st, 1, buffer, 10, &len) == 0);
    CHECK(len == 10);

    st.nargs = 1;
    n = wsi.policy(&st, 1, buffer, BUFFER, &len);
    CHECK(n != 0);
    CHECK(len == 0);

    hs = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING);
    hs.conf.policy = n;
    s = wsi.open(&hs, &r);
    CHECK(s != 0);
    CHECK(wsi.close(s, NULL) == 0);

    hs.conf.policy = n + 1;
    CHECK(wsi.open(&hs, &r) == 0);
    CHECK(r.status == WSI_ERROR);

    return 1;
}


/* what comes before the rules are compiled waits for them; then all is at once */

static int
test_starting(void)
{
    uint64_t       s;
    wsi_done_t     done;
    wsi_result_t   r;
    wsi_request_t  rq;

    memset(&rq, 0, sizeof(rq));
    rq.method = (wsi_str_t) STR("GET");
    rq.target = (wsi_str_t) STR("/socket.io/?EIO=4&transport=polling&u=alice");
    rq.conf = handshake(WSI_MODE_BLOCK, WSI_MODE_MONITORING).conf;

    s = wsi.request(&rq, &r);
    CHECK(s != 0 && r.status == WSI_PENDING);
    CHECK(verdict(&done));
    CHECK(done.result.status == WSI_PASS && done.result.events == 0);
    CHECK(wsi.close(s, NULL) == 0);

    s = wsi.request(&rq, &r);
    CHECK(s != 0 && r.status == WSI_PASS);
    CHECK(wsi.close(s, NULL) == 0);

    return 1;
}


static const test_t  tests[] = {
    { "starting", test_starting },
    { "abi", test_abi },
    { "sessions", test_sessions },
    { "benign", test_benign },
    { "attack", test_attack },
    { "handshake", test_handshake },
    { "violate", test_violate },
    { "pending", test_pending },
    { "close while pending", test_close_pending },
    { "expire", test_expire },
    { "drop message", test_drop_message },
    { "raise", test_raise },
    { "expires", test_expires },
    { "request", test_request },
    { "log", test_log },
    { "policy", test_policy },
    { "stale handle", test_stale },
};


static int
load(const char *path)
{
    void        *lib;
    unsigned     i;
    wsi_init_t   conf;

    const struct {
        const char  *name;
        void        *fn;
    } symbols[] = {
        { "wsi_abi_7", &wsi.abi }, { "wsi_init", &wsi.init },
        { "wsi_policy", &wsi.policy },
        { "wsi_reload", &wsi.reload },
        { "wsi_reloaded", &wsi.reloaded },
        { "wsi_violate", &wsi.violate },
        { "wsi_identify", &wsi.identify }, { "wsi_request", &wsi.request },
        { "wsi_body", &wsi.body }, { "wsi_body_file", &wsi.body_file },
        { "wsi_open", &wsi.open }, { "wsi_feed", &wsi.feed },
        { "wsi_poll", &wsi.poll }, { "wsi_expire", &wsi.expire },
        { "wsi_event", &wsi.event }, { "wsi_event_done", &wsi.event_done },
        { "wsi_event_summary", &wsi.event_summary },
        { "wsi_connection", &wsi.connection }, { "wsi_close", &wsi.close },
        { "wsi_raise", &wsi.raise }, { "wsi_expires", &wsi.expires },
        { "wsi_drain", &wsi.drain },
    };

    lib = dlopen(path, RTLD_NOW);
    if (lib == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }

    for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        *(void **) symbols[i].fn = dlsym(lib, symbols[i].name);
        CHECK(*(void **) symbols[i].fn != NULL);
    }

    wake_fd = eventfd(0, EFD_CLOEXEC|EFD_NONBLOCK);
    CHECK(wake_fd != -1);

    memset(&conf, 0, sizeof(wsi_init_t));
    conf.wake_fd = wake_fd;
    conf.threads = 2;

    CHECK(wsi.init(&conf) == 0);

    return 1;
}


static int
child(const char *path)
{
    int       passed, failed;
    unsigned  i;

    passed = 0;
    failed = 0;

    if (!load(path)) {
        return 1;
    }

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        if (tests[i].run()) {
            passed++;
            printf("ok   %s\n", tests[i].name);

        } else {
            failed++;
            printf("FAIL %s\n", tests[i].name);
        }

        fflush(stdout);
    }

    printf("%d passed, %d failed\n", passed, failed);
    fflush(stdout);

    return failed != 0;
}


int
main(int argc, char **argv)
{
    int    status;
    pid_t  pid;

    if (argc != 2) {
        fprintf(stderr, "usage: %s LIBRARY\n", argv[0]);
        return 2;
    }

    pid = fork();

    switch (pid) {

    case -1:
        perror("fork() failed");
        return 2;

    case 0:
        _exit(child(argv[1]));
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) {
            perror("waitpid() failed");
            return 2;
        }
    }

    if (WIFSIGNALED(status)) {
        fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
        return 1;
    }

    return WEXITSTATUS(status);
}
