/*
 * wsi.h: the boundary between the NGINX module (C) and the engine (Go).
 *
 * C calls Go, Go never calls C.  Every pointer is valid during the call only;
 * neither side frees the other's memory.  C holds the raw bytes of what may
 * not yet be forwarded, Go holds the decoded state.  All calls of one process
 * come from one thread, NGINX's event loop.  Any change of this file changes
 * WSI_ABI_VERSION and the name of wsi_abi_7().
 */

#ifndef _WSI_H_INCLUDED_
#define _WSI_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define WSI_ABI_VERSION      7

/* directions */
#define WSI_FROM_CLIENT      0
#define WSI_FROM_SERVER      1

/* modes of a direction */
#define WSI_MODE_OFF         0    /* bytes are not looked at */
#define WSI_MODE_MONITORING  1    /* judged and logged, never held or dropped */
#define WSI_MODE_BLOCK       2    /* held until judged, dropped on attack */

/* what to do over a limit of time or decoding, wsi_conf_t.limit_block */
#define WSI_LIMIT_ATTACK     0    /* as the mode says of attacks */
#define WSI_LIMIT_ON         1    /* drop, in monitoring too */
#define WSI_LIMIT_OFF        2    /* never drop */

/* data messages that are allowed: the opcode, or any */
#define WSI_MESSAGES_ANY     0
#define WSI_MESSAGES_TEXT    1
#define WSI_MESSAGES_BINARY  2

/* what of a request wsi_identify() wants to see */
#define WSI_REQUEST_NONE     0    /* ordinary HTTP */
#define WSI_REQUEST_HEAD     1
#define WSI_REQUEST_BODY     2

/* wsi_result_t.status */
#define WSI_PASS             0
#define WSI_PENDING          1    /* judged off the loop: feed no more until
                                     wsi_poll() reports this direction */
#define WSI_DROP             2    /* finalize the connection */
#define WSI_OPAQUE           3    /* cannot be decoded any more: forward all,
                                     feed no more */
#define WSI_ERROR            4    /* the engine failed; the session is dead */

/* wsi_expire() reasons */
#define WSI_EXPIRE_ASSEMBLY  0    /* a message took too long to arrive */
#define WSI_EXPIRE_VERDICT   1    /* the verdict took too long */
#define WSI_EXPIRE_MEMORY    2    /* the worker's byte budget is spent */

/* why a message passed without a verdict, wsi_result_t.reasons */
#define WSI_REASON_MESSAGE   0    /* over max_message */
#define WSI_REASON_INFLATED  1    /* over max_inflated */
#define WSI_REASON_TIME      2    /* over time_limit */
#define WSI_REASON_FORMAT    3    /* encodings inside each other over limits */
#define WSI_REASON_MEMORY    4    /* over a budget of bytes */
#define WSI_REASON_ASSEMBLY  5    /* took too long to arrive */
#define WSI_REASON_BODY      6    /* a request's body that cannot be decoded */
#define WSI_REASON_PROTOCOL  7    /* behind a broken frame or DEFLATE stream */
#define WSI_REASON_ENGINE    8    /* the engine failed */
#define WSI_REASONS          9

/* rates of events that a location may have, wsi_result_t.rated */
#define WSI_RATES            8

/* wsi_log_t.datasets */
#define WSI_DATASET_ATTACK      1
#define WSI_DATASET_IGNORED     2
#define WSI_DATASET_VIOLATION   4
#define WSI_DATASET_CONNECTION  8

/* wsi_event_t.action */
#define WSI_ACTION_BLOCKED   0
#define WSI_ACTION_MONITORED 1
#define WSI_ACTION_LOGGED    2
#define WSI_ACTION_IGNORED   3    /* an exception is for the attack */


typedef const uint8_t        wsi_cbyte_t;

typedef struct {
    wsi_cbyte_t             *data;
    size_t                   len;
} wsi_str_t;


typedef struct {
    int32_t                  wake_fd;      /* eventfd, written when wsi_poll()
                                              has something to report */
    uint32_t                 threads;      /* judging off the event loop */
    uint64_t                 memory_limit; /* soft limit of the Go heap, bytes,
                                              0: none */
    char                     version[32];  /* out: the engine's and its Go's, */
    char                     go[32];       /* NUL terminated */
    char                     crs[32];      /* out: version of the OWASP CRS that
                                              rules are from */
} wsi_init_t;


/* a directive that the engine alone understands, as it stands in a file */
typedef struct {
    wsi_str_t                name;
    const wsi_str_t         *args;
    size_t                   nargs;
    wsi_str_t                file;
    uint64_t                 line;
} wsi_statement_t;


/* of one direction; 0: none, but for the first two */
typedef struct {
    uint64_t                 max_message;  /* payload bytes on the wire */
    uint64_t                 max_inflated; /* payload bytes inflated */
    uint64_t                 max_frame;    /* payload bytes of a data frame */
    uint32_t                 max_fragments;
    uint32_t                 max_inflate_ratio;
    uint32_t                 max_control_rate;  /* frames a second */
    uint32_t                 messages;     /* WSI_MESSAGES_* */
} wsi_limits_t;


typedef struct {
    uint64_t                 policy;       /* of wsi_policy(), 0: none */
    uint32_t                 mode[2];      /* WSI_MODE_*, by direction */
    uint32_t                 threshold;    /* score from which on to drop */
    uint32_t                 time_limit;   /* of judging one message, ms */
    uint32_t                 limit_block;  /* WSI_LIMIT_* */
    uint32_t                 close_code;   /* for attacks */
    uint32_t                 drop_message; /* alone, where possible */
    uint32_t                 log_payload;  /* bytes of payload that some log of
                                              the location wants */
    wsi_limits_t             limits[2];    /* by direction */
} wsi_conf_t;


typedef struct {
    /* request */
    wsi_str_t                method;
    wsi_str_t                target;
    wsi_str_t                protocol;     /* "HTTP/1.1" */
    wsi_str_t                key;
    wsi_str_t                version;
    wsi_str_t                subprotocols;
    wsi_str_t                extensions;

    /* 101 response */
    wsi_str_t                upgrade;
    wsi_str_t                accept;
    wsi_str_t                subprotocol;
    wsi_str_t                answered_extensions;

    wsi_conf_t               conf;
    uint64_t                 cookie;       /* comes back in wsi_done_t */
} wsi_handshake_t;


typedef struct {
    size_t                   consumed;     /* bytes taken of those given; with
                                              WSI_OPAQUE, those looked at */
    size_t                   release;      /* bytes, from the oldest held or
                                              given one on, to forward */
    size_t                   discard;      /* bytes behind these, not to be
                                              forwarded: drop_message */
    size_t                   control;      /* the last bytes consumed are a
                                              control frame that may overtake
                                              what is still held */
    size_t                   need;         /* no frame ends within fewer bytes
                                              than these; 0: at a boundary */
    size_t                   decoded;      /* bytes kept for this session */
    uint64_t                 bytes;        /* payload bytes of data frames, or
                                              of a request's body */
    uint64_t                 thread_time;  /* of "threaded", from handing over
                                              to verdict, ns */
    uint32_t                 status;       /* WSI_PASS, ... */
    uint32_t                 events;       /* waiting for wsi_event() */
    uint32_t                 messages;     /* data messages completed */
    uint32_t                 binary;       /* of these, opcode BINARY */
    uint32_t                 judged;       /* messages and heads judged in this
                                              call */
    uint32_t                 threaded;     /* and off the loop, reported by it */
    uint32_t                 jobs;         /* of all sessions, off the loop */
    uint32_t                 uninspected;  /* messages let through without a
                                              verdict */
    uint32_t                 reasons[WSI_REASONS];  /* the same by reason */
    uint32_t                 close_code;   /* with WSI_DROP; of a request, the
                                              HTTP status */
    uint32_t                 rated[WSI_RATES];  /* events that are counted, by
                                              wallarm_websocket_rate */
    uint32_t                 alone;        /* "last" may be left out */
    size_t                   last;         /* of "release", the last bytes: the
                                              message that these are in, behind
                                              which feeding stops; 0: none */
} wsi_result_t;


/* a violation that the caller sees and the engine does not */
typedef struct {
    wsi_str_t                token;
    wsi_str_t                value;        /* what is not allowed, or empty */
    uint32_t                 close_code;   /* 0: that of the violation */
    uint32_t                 message;      /* drops a message only */
} wsi_violation_t;


typedef struct {
    wsi_str_t                name;
    wsi_str_t                value;
} wsi_field_t;


/* the head of an HTTP request: a handshake, or one of a polling transport */
typedef struct {
    wsi_str_t                method;
    wsi_str_t                target;
    const wsi_field_t       *fields;       /* header lines, in order */
    size_t                   nfields;
    wsi_conf_t               conf;
    uint64_t                 cookie;       /* comes back in wsi_done_t */
} wsi_request_t;


typedef struct {
    uint64_t                 cookie;
    uint32_t                 direction;
    uint32_t                 reserved;
    wsi_result_t             result;       /* consumed, control: 0 */
} wsi_done_t;


/* what only NGINX knows about a connection, for its events */
typedef struct {
    wsi_str_t                request;      /* request line and header lines */
    wsi_str_t                remote_addr;
    wsi_str_t                local_addr;
    wsi_str_t                server_name;
    wsi_str_t                request_id;
    wsi_str_t                remote_user;
    wsi_str_t                hostname;
    wsi_str_t                server_version;
    uint64_t                 connection_id;
    int64_t                  time;         /* ms since the epoch */
    uint32_t                 remote_port;
    uint32_t                 local_port;
    uint32_t                 tls;
    uint32_t                 reserved;
} wsi_meta_t;


/* a log, as a location has it */
typedef struct {
    uint64_t                 id;           /* of its samples */
    uint32_t                 payload;      /* bytes of payload in a line, 0: no
                                              content of messages */
    uint32_t                 sample;       /* lines a minute of events that are
                                              alike, 0: all */
    uint32_t                 datasets;     /* WSI_DATASET_* */
    uint32_t                 reserved;
} wsi_log_t;


/* of a connection that ends */
typedef struct {
    uint64_t                 duration;     /* ms */
    uint64_t                 bytes[2];     /* by direction */
    uint64_t                 attacks;
} wsi_traffic_t;


typedef struct {
    size_t                   line;         /* bytes of JSON and the LF */
    size_t                   text;         /* bytes of the error_log text that
                                              follows the line in the buffer */
    uint32_t                 attack;       /* 0: a protocol violation */
    uint32_t                 action;       /* WSI_ACTION_* */
    uint32_t                 sampled;      /* the log has its share of such
                                              events: line is 0 */
    char                     type[40];     /* attack type or violation token,
                                              NUL terminated */
    char                     rule[72];     /* of an attack, likewise */
} wsi_event_t;


/* its name carries the ABI number, for a check without loading */
uint32_t wsi_abi_7(void);

/* once per process, after fork; 0 or -1.  The rules are compiled off the event
   loop: what is to be judged before is WSI_PENDING */
int32_t wsi_init(wsi_init_t *conf);

/* what a location's statements, the outer ones first, say together: a number
   for wsi_conf_t.policy, 0 if some are wrong.  *len bytes of text in buf, cut at
   size, say what is wrong or doubtful: lines that begin with "e" for errors, "w"
   for warnings, and end with the place.  Needs no wsi_init() */
uint64_t wsi_policy(wsi_statement_t *statements, size_t n, uint8_t *buf,
    size_t size, size_t *len);

/* has the files of rules, of all wsi_policy() before the first call, looked at off
   the event loop; wake_fd is written when that is done.  Returns how many sets of
   files there are */
uint32_t wsi_reload(void);

/* what is new about files of rules: lines in buf as those of wsi_policy(), "e" for
   errors, "n" for notices; of *generation are the rules in force.  Returns 1
   while files are being looked at */
uint32_t wsi_reloaded(uint8_t *buf, size_t size, size_t *len,
    uint32_t *generation);

/* a handle, 0: the engine failed.  status WSI_DROP: refuse the handshake,
   WSI_OPAQUE: pass uninspected; both still have events and need wsi_close() */
uint64_t wsi_open(wsi_handshake_t *hs, wsi_result_t *result);

/* a session of a handshake in which the caller sees what the engine does not:
   token names the violation.  Status WSI_DROP: refuse it with the HTTP status
   close_code, WSI_PASS: it goes on.  Then fetch the event and close.  0: the
   engine failed */
uint64_t wsi_violate(wsi_request_t *request, wsi_str_t token,
    wsi_result_t *result);

/* WSI_REQUEST_*, all of them if the engine failed; conf and cookie are not
   looked at */
uint32_t wsi_identify(wsi_request_t *request);

/* a session of one request, whose head is judged: WSI_PENDING holds it in any
   mode.  A handle as of wsi_open() */
uint64_t wsi_request(wsi_request_t *request, wsi_result_t *result);

/* the next bytes of the request's body, the last ones too.  It is judged with
   the last; until then only WSI_DROP, WSI_OPAQUE and WSI_ERROR matter */
void wsi_body(uint64_t session, wsi_cbyte_t *data, size_t len, uint32_t last,
    wsi_result_t *result);

/* the same for len bytes at offset of a file, which is read off the loop and
   may be closed and removed meanwhile */
void wsi_body_file(uint64_t session, int32_t fd, uint64_t offset,
    uint64_t len, uint32_t last, wsi_result_t *result);

void wsi_feed(uint64_t session, uint32_t direction, wsi_cbyte_t *data,
    size_t len, wsi_result_t *result);

/* 1: done is the result of one off-loop judging, 0: there is none */
uint32_t wsi_poll(wsi_done_t *done);

/* gives up on what is held in a direction, for a WSI_EXPIRE_* reason */
void wsi_expire(uint64_t session, uint32_t direction, uint32_t reason,
    wsi_result_t *result);

/* the caller sees a violation in what a peer sent.  1: it blocks, and result is
   that of a WSI_DROP unless the session was dropped before, or is not.  0: it
   does not */
uint32_t wsi_raise(uint64_t session, uint32_t direction,
    wsi_violation_t *violation, wsi_result_t *result);

/* when a JSON Web Token expires, in ms since the epoch; 0: it does not say.  Its
   signature is not looked at */
int64_t wsi_expires(wsi_str_t token);

/* writes the oldest waiting event into buf as log takes it; a line of 0 bytes
   is not for it: 1 written, 0 none waiting, -1 needs a buffer of event->line +
   event->text bytes.  meta is NULL for a session that wsi_close() got it for.
   Call it once for each log, then wsi_event_done() */
int32_t wsi_event(uint64_t session, wsi_meta_t *meta, wsi_log_t *log,
    uint8_t *buf, size_t size, wsi_event_t *event);

/* forgets the oldest waiting event */
void wsi_event_done(uint64_t session);

/* a line for events that log's sample held back, if a minute has passed at
   now, ms since the epoch; 0: whether or not.  1 written, 0 there is none, -1
   needs a buffer of *len bytes.  Call it until 0 */
int32_t wsi_event_summary(wsi_log_t *log, int64_t now, uint8_t *buf,
    size_t size, size_t *len);

/* the line of a connection that begins, or with traffic of one that ends: 1
   written, 0 there is none, -1 needs a buffer of *len bytes */
int32_t wsi_connection(uint64_t session, wsi_meta_t *meta,
    wsi_traffic_t *traffic, uint8_t *buf, size_t size, size_t *len);

/* 0: freed.  1: a verdict is pending; its result will come through wsi_poll(),
   then fetch the events and close again.  meta, copied, serves those events */
int32_t wsi_close(uint64_t session, wsi_meta_t *meta);

/* waits until nothing is being judged; returns what is still pending */
uint32_t wsi_drain(uint32_t timeout_ms);


#endif /* _WSI_H_INCLUDED_ */
