
/*
 * The engine in NGINX's types.  _bridge.c alone knows that it is written in
 * Go, where its library is and how it is loaded.
 */


#ifndef _NGX_HTTP_WALLARM_WEBSOCKET_BRIDGE_H_INCLUDED_
#define _NGX_HTTP_WALLARM_WEBSOCKET_BRIDGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the engine's numbers: _bridge.c compares them with wsi.h */

#define NGX_HTTP_WALLARM_WEBSOCKET_CLIENT           0
#define NGX_HTTP_WALLARM_WEBSOCKET_SERVER           1

#define NGX_HTTP_WALLARM_WEBSOCKET_OFF              0
#define NGX_HTTP_WALLARM_WEBSOCKET_MONITORING       1
#define NGX_HTTP_WALLARM_WEBSOCKET_BLOCK            2

#define NGX_HTTP_WALLARM_WEBSOCKET_PASS             0
#define NGX_HTTP_WALLARM_WEBSOCKET_PENDING          1
#define NGX_HTTP_WALLARM_WEBSOCKET_DROP             2
#define NGX_HTTP_WALLARM_WEBSOCKET_OPAQUE           3
#define NGX_HTTP_WALLARM_WEBSOCKET_ERROR            4

#define NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ATTACK     0
#define NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_ON         1
#define NGX_HTTP_WALLARM_WEBSOCKET_LIMIT_OFF        2

#define NGX_HTTP_WALLARM_WEBSOCKET_ANY              0
#define NGX_HTTP_WALLARM_WEBSOCKET_TEXT             1
#define NGX_HTTP_WALLARM_WEBSOCKET_BINARY           2

#define NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_NONE     0
#define NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_HEAD     1
#define NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_BODY     2

#define NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_ASSEMBLY  0
#define NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_VERDICT   1
#define NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_MEMORY    2

/* why a message passed without a verdict: the engine's reasons, and ours */
#define NGX_HTTP_WALLARM_WEBSOCKET_REASON_TIME       2
#define NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE     8
#define NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE  9
#define NGX_HTTP_WALLARM_WEBSOCKET_REASONS           10

#define NGX_HTTP_WALLARM_WEBSOCKET_BLOCKED           0
#define NGX_HTTP_WALLARM_WEBSOCKET_MONITORED         1
#define NGX_HTTP_WALLARM_WEBSOCKET_LOGGED            2
#define NGX_HTTP_WALLARM_WEBSOCKET_IGNORED           3

/* "need" when frame boundaries are not known any more */
#define NGX_HTTP_WALLARM_WEBSOCKET_UNKNOWN          ((size_t) -1)


/* rates that a location may have */
#define NGX_HTTP_WALLARM_WEBSOCKET_RATES            8


typedef struct {
    size_t                        consumed;
    size_t                        release;
    size_t                        discard;
    size_t                        control;
    size_t                        need;
    size_t                        decoded;
    size_t                        bytes;
    uint64_t                      loop_time;   /* of the call, ns */
    uint64_t                      thread_time; /* ns */
    ngx_uint_t                    status;
    ngx_uint_t                    events;
    ngx_uint_t                    messages;
    ngx_uint_t                    binary;
    ngx_uint_t                    judged;
    ngx_uint_t                    threaded;
    ngx_uint_t                    jobs;
    ngx_uint_t                    uninspected;
    uint32_t                      reasons[NGX_HTTP_WALLARM_WEBSOCKET_REASONS];
    ngx_uint_t                    close_code;
    uint32_t                      rated[NGX_HTTP_WALLARM_WEBSOCKET_RATES];
    ngx_uint_t                    alone;
    size_t                        last;
} ngx_http_wallarm_websocket_result_t;


/* what the module sees and the engine does not */

typedef struct {
    ngx_str_t                    *token;
    ngx_str_t                     value;       /* what is not allowed */
    ngx_uint_t                    close_code;  /* 0: that of the violation */
    ngx_uint_t                    message;     /* drops a message only */
} ngx_http_wallarm_websocket_raise_t;


typedef struct {
    uint64_t                      cookie;
    ngx_uint_t                    direction;
    ngx_http_wallarm_websocket_result_t  result;
} ngx_http_wallarm_websocket_done_t;


/* a directive that the engine alone understands */

#define NGX_HTTP_WALLARM_WEBSOCKET_SINGLE           0
#define NGX_HTTP_WALLARM_WEBSOCKET_LIST             1
#define NGX_HTTP_WALLARM_WEBSOCKET_EVERY            2

typedef struct {
    ngx_str_t                     name;
    ngx_str_t                    *args;
    ngx_uint_t                    nargs;
    ngx_uint_t                    kind;
    ngx_str_t                     file;
    ngx_uint_t                    line;
} ngx_http_wallarm_websocket_statement_t;


typedef struct {
    ngx_array_t                   statements;
    uint64_t                      number;    /* the engine's, in a worker */
    ngx_uint_t                    known;
    ngx_uint_t                    in_use;
} ngx_http_wallarm_websocket_policy_t;


/* of one direction */

typedef struct {
    size_t                        max_message;
    size_t                        max_inflated;
    size_t                        max_frame;
    size_t                        max_fragments;
    size_t                        max_inflate_ratio;
    size_t                        max_control_rate;
    size_t                        messages;
    size_t                        assembly_timeout;   /* ms, of the module */
} ngx_http_wallarm_websocket_limits_t;


#define NGX_HTTP_WALLARM_WEBSOCKET_DATASET_ATTACK      1
#define NGX_HTTP_WALLARM_WEBSOCKET_DATASET_IGNORED     2
#define NGX_HTTP_WALLARM_WEBSOCKET_DATASET_VIOLATION   4
#define NGX_HTTP_WALLARM_WEBSOCKET_DATASET_CONNECTION  8

typedef struct {
    ngx_str_t                     name;
    ngx_open_file_t              *file;      /* or NULL */
    ngx_atomic_t                 *torn;      /* it ends inside a line */
    ngx_syslog_peer_t            *syslog;
    uint64_t                      id;
    size_t                        payload;
    ngx_uint_t                    sample;
    ngx_uint_t                    datasets;
    ngx_msec_t                    said;      /* when: that a write failed */
} ngx_http_wallarm_websocket_log_t;


/* of a connection that ended */

typedef struct {
    uint64_t                      duration;  /* ms */
    uint64_t                      bytes[2];
    ngx_uint_t                    attacks;
} ngx_http_wallarm_websocket_traffic_t;


/* what a location says of how to judge */

typedef struct {
    uint64_t                      policy;
    ngx_uint_t                    mode[2];
    ngx_uint_t                    threshold;
    ngx_msec_t                    time_limit;
    ngx_uint_t                    limit_block;
    ngx_uint_t                    close_code;
    ngx_uint_t                    drop_message;
    size_t                        log_payload;
    ngx_http_wallarm_websocket_limits_t  *limits;     /* of two directions */
} ngx_http_wallarm_websocket_rules_t;


typedef struct {
    ngx_str_t                     method;
    ngx_str_t                     target;
    ngx_str_t                     protocol;
    ngx_str_t                     key;
    ngx_str_t                     version;
    ngx_str_t                     subprotocols;
    ngx_str_t                     extensions;

    ngx_str_t                     upgrade;
    ngx_str_t                     accept;
    ngx_str_t                     subprotocol;
    ngx_str_t                     answered_extensions;

    ngx_http_wallarm_websocket_rules_t  rules;
    uint64_t                      cookie;
} ngx_http_wallarm_websocket_handshake_t;


typedef struct {
    ngx_str_t                     method;
    ngx_str_t                     target;
    ngx_list_t                   *headers;

    ngx_http_wallarm_websocket_rules_t  rules;
    uint64_t                      cookie;
} ngx_http_wallarm_websocket_head_t;


typedef struct {
    ngx_str_t                     request;   /* ngx_alloc()ed */
    ngx_str_t                     remote_addr;
    ngx_str_t                     local_addr;
    ngx_str_t                     server_name;
    ngx_str_t                     request_id;
    ngx_str_t                     remote_user;
    ngx_uint_t                    remote_port;
    ngx_uint_t                    local_port;
    uint64_t                      connection_id;
    ngx_uint_t                    tls;
} ngx_http_wallarm_websocket_meta_t;


typedef struct {
    ngx_str_t                     line;      /* JSON and LF */
    ngx_str_t                     text;      /* for error_log */
    ngx_uint_t                    attack;
    ngx_uint_t                    action;
    ngx_uint_t                    sampled;   /* the log has its share */
    u_char                        type[40];
    u_char                        rule[72];  /* of an attack */
} ngx_http_wallarm_websocket_event_t;


/* the library's path, allocated from pool, or NULL */
ngx_str_t *ngx_http_wallarm_websocket_bridge_path(ngx_pool_t *pool,
    ngx_str_t *configured);
/* a file that fits this process, without loading it; logs why not */
ngx_int_t ngx_http_wallarm_websocket_bridge_check(ngx_str_t *path,
    ngx_log_t *log);
ngx_int_t ngx_http_wallarm_websocket_bridge_load(ngx_str_t *path, int wake_fd,
    ngx_uint_t threads, size_t memory, ngx_log_t *log);
ngx_uint_t ngx_http_wallarm_websocket_bridge_ready(void);
/* of the engine and of its Go, "" when it is not loaded */
const char *ngx_http_wallarm_websocket_bridge_version(void);
const char *ngx_http_wallarm_websocket_bridge_go(void);
const char *ngx_http_wallarm_websocket_bridge_crs(void);
/* results get their loop_time from now on */
void ngx_http_wallarm_websocket_bridge_clock(void);

/* loads it for bridge_policy() alone */
ngx_int_t ngx_http_wallarm_websocket_bridge_attach(ngx_str_t *path,
    ngx_log_t *log);
/* the number, 0 if the engine refuses it; what it says of it is in buf */
uint64_t ngx_http_wallarm_websocket_bridge_policy(
    ngx_http_wallarm_websocket_policy_t *policy, u_char *buf, size_t size,
    size_t *len, ngx_log_t *log);

/* looks at files of rules off the event loop, returns how many sets there are */
ngx_uint_t ngx_http_wallarm_websocket_bridge_reload(void);
/* what is new about them, in lines; 1 while they are being looked at */
ngx_uint_t ngx_http_wallarm_websocket_bridge_reloaded(u_char *buf, size_t size,
    size_t *len, ngx_uint_t *generation);

uint64_t ngx_http_wallarm_websocket_bridge_open(
    ngx_http_wallarm_websocket_handshake_t *hs,
    ngx_http_wallarm_websocket_result_t *res);
/* the module sees a violation, "token", in a handshake */
uint64_t ngx_http_wallarm_websocket_bridge_violate(
    ngx_http_wallarm_websocket_head_t *head, ngx_str_t *token,
    ngx_http_wallarm_websocket_result_t *res, ngx_log_t *log);
/* NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_*; neither rules nor cookie are used */
ngx_uint_t ngx_http_wallarm_websocket_bridge_identify(
    ngx_http_wallarm_websocket_head_t *head, ngx_log_t *log);
uint64_t ngx_http_wallarm_websocket_bridge_request(
    ngx_http_wallarm_websocket_head_t *head,
    ngx_http_wallarm_websocket_result_t *res, ngx_log_t *log);
void ngx_http_wallarm_websocket_bridge_body(uint64_t session, u_char *p,
    size_t n, ngx_uint_t last, ngx_http_wallarm_websocket_result_t *res);
void ngx_http_wallarm_websocket_bridge_body_file(uint64_t session, ngx_fd_t fd,
    off_t offset, off_t n, ngx_uint_t last,
    ngx_http_wallarm_websocket_result_t *res);

void ngx_http_wallarm_websocket_bridge_feed(uint64_t session,
    ngx_uint_t direction, u_char *p, size_t n,
    ngx_http_wallarm_websocket_result_t *res);
ngx_uint_t ngx_http_wallarm_websocket_bridge_poll(
    ngx_http_wallarm_websocket_done_t *done);
void ngx_http_wallarm_websocket_bridge_expire(uint64_t session,
    ngx_uint_t direction, ngx_uint_t reason,
    ngx_http_wallarm_websocket_result_t *res);
/* the module sees a violation in what a peer sent; 1: it blocks */
ngx_uint_t ngx_http_wallarm_websocket_bridge_raise(uint64_t session,
    ngx_uint_t direction, ngx_http_wallarm_websocket_raise_t *raise);
/* of a JSON Web Token, ms since the epoch; 0: it does not say */
int64_t ngx_http_wallarm_websocket_bridge_expires(ngx_str_t *token);
/* NGX_OK, NGX_DONE: none waiting, NGX_ERROR; strings valid until the next */
ngx_int_t ngx_http_wallarm_websocket_bridge_event(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta,
    ngx_http_wallarm_websocket_log_t *el,
    ngx_http_wallarm_websocket_event_t *event, ngx_log_t *log);
void ngx_http_wallarm_websocket_bridge_event_done(uint64_t session);
/* of what el's sample held back, all or what is due */
ngx_int_t ngx_http_wallarm_websocket_bridge_summary(
    ngx_http_wallarm_websocket_log_t *el, ngx_uint_t all, ngx_str_t *line,
    ngx_log_t *log);
/* without traffic the connection begins */
ngx_int_t ngx_http_wallarm_websocket_bridge_connection(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta,
    ngx_http_wallarm_websocket_traffic_t *traffic, ngx_str_t *line,
    ngx_log_t *log);
/* NGX_OK: freed, NGX_AGAIN: its verdict is still to come */
ngx_int_t ngx_http_wallarm_websocket_bridge_close(uint64_t session,
    ngx_http_wallarm_websocket_meta_t *meta);
ngx_uint_t ngx_http_wallarm_websocket_bridge_drain(ngx_msec_t timeout);


#endif /* _NGX_HTTP_WALLARM_WEBSOCKET_BRIDGE_H_INCLUDED_ */
