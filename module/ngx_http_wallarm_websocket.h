
/*
 * Types and functions shared by the files of the module.  The engine is seen
 * through ngx_http_wallarm_websocket_bridge.h only.
 */


#ifndef _NGX_HTTP_WALLARM_WEBSOCKET_H_INCLUDED_
#define _NGX_HTTP_WALLARM_WEBSOCKET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_wallarm_websocket_bridge.h"


/* what a drop is */
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE         0
#define NGX_HTTP_WALLARM_WEBSOCKET_RESET         1
#define NGX_HTTP_WALLARM_WEBSOCKET_DROP_MESSAGE  2

/* RFC 6455 7.4.1 */
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_GOING_AWAY      1001
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY          1008
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_INTERNAL_ERROR  1011
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_RESTART         1012
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_TRY_LATER       1013

/* the longest reason of a Close frame */
#define NGX_HTTP_WALLARM_WEBSOCKET_REASON  (125 - 2)

/* a control frame: the longest header, a length may be in more bytes than it
   needs, and 125 bytes of payload */
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL  (2 + 8 + 4 + 125)


/*
 * What is counted, in shared memory.  A comment says what is added to a number
 * to have one of several.
 */

#define NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS  15

/* close codes, the last is any other */
#define NGX_HTTP_WALLARM_WEBSOCKET_CODES    10

enum {
    /* + 2 * direction, + 1: binary */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_MESSAGES = 0,

    /* + direction */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_BYTES =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_MESSAGES + 4,

    /* + NGX_HTTP_WALLARM_WEBSOCKET_REASON_* */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_BYTES + 2,

    /* + direction */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED_BYTES =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED
        + NGX_HTTP_WALLARM_WEBSOCKET_REASONS,

    /* + bucket; the times are ns */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_LOOP =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED_BYTES + 2,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_THREAD =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_LOOP
        + NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_LOOP_TIME =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_THREAD
        + NGX_HTTP_WALLARM_WEBSOCKET_BUCKETS,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_THREAD_TIME,

    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CONNECTIONS,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_POLLING,

    /* + number of the close code */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DROPPED,

    /* + 1: syslog */
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DROPPED
        + NGX_HTTP_WALLARM_WEBSOCKET_CODES,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_DROPPED =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS + 2,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_SAMPLED =
        NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_DROPPED + 2,

    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_CRASHES,
    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_DISCARDED,

    NGX_HTTP_WALLARM_WEBSOCKET_COUNTERS
};


/* what a process has at the moment */

enum {
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_ENGINE = 0,  /* 2: not needed */
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_CONNECTIONS,
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_HELD,
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_MEMORY,
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_JOBS,
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_THREADS,
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_GENERATION,  /* of the rules */
    NGX_HTTP_WALLARM_WEBSOCKET_GAUGES
};


typedef struct ngx_http_wallarm_websocket_label_s
    ngx_http_wallarm_websocket_label_t;


typedef struct {
    ngx_str_t                     library;
    ngx_str_t                     file;      /* where "library" was set */
    ngx_uint_t                    line;
    size_t                        memory;    /* bytes held, per worker */
    ngx_int_t                     threads;

    ngx_msec_t                    rules_interval;
    ngx_array_t                   policies;  /* pointers */
    ngx_array_t                   labels;    /* pointers */
    ngx_shm_zone_t               *status;    /* NULL: not used */
    ngx_array_t                   logs;      /* pointers */
    ngx_shm_zone_t               *control;   /* NULL: not used */
    ngx_atomic_uint_t             generation; /* of the configuration */
    ngx_uint_t                    in_use;
} ngx_wallarm_websocket_conf_t;


#define NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_INSPECT  0
#define NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_STRIP    1
#define NGX_HTTP_WALLARM_WEBSOCKET_EXTENSIONS_REFUSE   2


typedef struct ngx_http_wallarm_websocket_origins_s
    ngx_http_wallarm_websocket_origins_t;
typedef struct ngx_http_wallarm_websocket_subprotocols_s
    ngx_http_wallarm_websocket_subprotocols_t;


typedef struct ngx_http_wallarm_websocket_loc_conf_s
    ngx_http_wallarm_websocket_loc_conf_t;


typedef struct ngx_http_wallarm_websocket_live_s
    ngx_http_wallarm_websocket_live_t;
typedef struct ngx_http_wallarm_websocket_lives_s
    ngx_http_wallarm_websocket_lives_t;

typedef struct ngx_http_wallarm_websocket_pace_s
    ngx_http_wallarm_websocket_pace_t;


/* what a location says of a zone */

typedef struct {
    ngx_shm_zone_t               *zone;
    ngx_uint_t                    number;    /* of connections, or burst */

    /* of a rate */
    ngx_uint_t                    action;    /* of what is over it */
    ngx_str_t                     event;     /* pattern; data NULL: none */
    ngx_uint_t                    counted;   /* by the engine */
    ngx_uint_t                    dry_run;
} ngx_http_wallarm_websocket_rule_t;


struct ngx_http_wallarm_websocket_loc_conf_s {
    ngx_flag_t                    parse;
    ngx_uint_t                    mode;
    ngx_http_complex_value_t     *mode_value; /* NULL: no variables */
    ngx_uint_t                    response_mode;
    ngx_flag_t                    parse_response;
    ngx_flag_t                    fallback;
    ngx_uint_t                    fail_open; /* fallback, or monitoring */
    ngx_int_t                     threshold;
    ngx_http_wallarm_websocket_limits_t  limits[2];
    ngx_uint_t                    action;    /* of a drop */
    ngx_uint_t                    close_code; /* for attacks */
    ngx_str_t                     close_reason;
    ngx_msec_t                    time_limit;
    ngx_uint_t                    limit_block;
    ngx_http_wallarm_websocket_policy_t  *policy; /* NULL: none */
    ngx_http_wallarm_websocket_origins_t  *origins;    /* NULL: any */
    ngx_http_wallarm_websocket_subprotocols_t  *subprotocols;  /* NULL: any */
    ngx_uint_t                    extensions;
    ngx_array_t                  *event_logs; /* pointers, NULL: off */
    size_t                        log_payload; /* the most of a log's */
    ngx_array_t                  *bans;      /* _rule_t, NULL: none */
    ngx_array_t                  *connections;  /* the same */
    ngx_array_t                  *rates;     /* the same */
    ngx_http_complex_value_t     *control_key; /* NULL: none */
    ngx_msec_t                    max_age;   /* 0: none */
    ngx_uint_t                    age_code;  /* of the Close frame */
    ngx_http_complex_value_t     *age_jwt;   /* NULL: none */
    ngx_int_t                     request_id; /* index of the variable */
    ngx_uint_t                    status;    /* off, or a format */
    ngx_http_wallarm_websocket_label_t  *label; /* NULL: none */
    /* by mode; NULL: no variables */
    ngx_http_wallarm_websocket_loc_conf_t  *by_mode;
};


/* a control frame that overtakes what is held */

typedef struct {
    size_t                        pos;
    size_t                        last;
    u_char                        frame[NGX_HTTP_WALLARM_WEBSOCKET_CONTROL];
} ngx_http_wallarm_websocket_control_t;


typedef struct ngx_http_wallarm_websocket_ctx_s
    ngx_http_wallarm_websocket_ctx_t;


/* what a request of which head or body is judged waits for */

typedef enum {
    ngx_http_wallarm_websocket_nothing = 0,
    ngx_http_wallarm_websocket_head,         /* the verdict of the head */
    ngx_http_wallarm_websocket_reading,      /* the body to be read */
    ngx_http_wallarm_websocket_body,         /* the verdict of the body */
    ngx_http_wallarm_websocket_delayed       /* room in a rate */
} ngx_http_wallarm_websocket_wait_e;


/* what the module itself sees wrong with a handshake */

typedef enum {
    ngx_http_wallarm_websocket_hs_body = 0,
    ngx_http_wallarm_websocket_hs_http_version,
    ngx_http_wallarm_websocket_hs_upgrade,
    ngx_http_wallarm_websocket_hs_origin,
    ngx_http_wallarm_websocket_hs_subprotocol,
    ngx_http_wallarm_websocket_hs_extension,
    ngx_http_wallarm_websocket_hs_connections,
    ngx_http_wallarm_websocket_hs_expired,
    ngx_http_wallarm_websocket_hs_connection,
    ngx_http_wallarm_websocket_hs_early_data
} ngx_http_wallarm_websocket_hs_e;


/*
 * One direction.  What was read but not forwarded waits in "buf":
 *
 *     pos        release        fed         last        size
 *      | released | held         | not fed   | free      |
 *
 * Nothing is allocated while a direction is idle.
 */

typedef struct {
    ngx_recv_pt                   recv;      /* the connection's own */

    u_char                       *buf;
    size_t                        pos;
    size_t                        release;
    size_t                        fed;
    size_t                        last;
    size_t                        size;

    ngx_http_wallarm_websocket_control_t  *control;

    uint64_t                      received;  /* bytes */
    size_t                        need;      /* bytes to a frame boundary */
    size_t                        decoded;   /* bytes the engine keeps */

    ngx_event_t                  *timer;     /* of assembly or verdict */

    unsigned                      held:1;    /* mode block */
    unsigned                      pending:1;
    unsigned                      paused:1;  /* over a rate */
    unsigned                      opaque:1;
} ngx_http_wallarm_websocket_dir_t;


struct ngx_http_wallarm_websocket_ctx_s {
    ngx_http_request_t           *request;   /* NULL: orphan */
    ngx_http_upstream_t          *upstream;  /* NULL: not tapped */
    ngx_http_wallarm_websocket_loc_conf_t  *conf;

    uint64_t                      session;
    uint64_t                      cookie;

    ngx_http_wallarm_websocket_dir_t  dir[2];

    ngx_queue_t                   holder;    /* among those that hold bytes */

    ngx_http_wallarm_websocket_live_t  *live; /* NULL: not listed */
    ngx_queue_t                   lives;     /* of this worker, if listed */

    ngx_event_t                  *age;       /* its end by age, NULL: none */
    ngx_msec_t                    age_end;
    ngx_http_wallarm_websocket_pace_t  *pace; /* NULL: no rates */

    ngx_msec_t                    began;
    ngx_msec_t                    delay;     /* of a request, by rates */
    uint32_t                      attacks;
    uint32_t                      messages;
    uint32_t                      uninspected;
    uint32_t                      types;     /* attack types seen, a bit each */
    uint32_t                      close_code;

    int                           answer;    /* of the phase handlers, once */

    unsigned                      wait:3;    /* _wait_e */
    unsigned                      raised:10; /* bits of _hs_e */
    unsigned                      http:1;    /* the session is a request's */
    unsigned                      judged:1;  /* the head, in conf's mode */
    unsigned                      answered:1;
    unsigned                      want_body:1;
    unsigned                      holding:1;
    unsigned                      counted:1; /* among the open connections */
    unsigned                      refused:1;
    unsigned                      discarded:1; /* a message was */
    unsigned                      offence:1; /* the peer's fault was blocked */
    unsigned                      dropping:1;
    unsigned                      dropped:1; /* nothing is forwarded any more */
};


/* _module.c */

ngx_http_wallarm_websocket_loc_conf_t *ngx_http_wallarm_websocket_get_conf(
    ngx_http_request_t *r, ngx_uint_t log);

extern ngx_module_t  ngx_wallarm_websocket_module;
extern ngx_module_t  ngx_http_wallarm_websocket_module;


/* _limits.c */

typedef enum {
    NGX_HTTP_WALLARM_WEBSOCKET_SIZE = 0,
    NGX_HTTP_WALLARM_WEBSOCKET_TIME,
    NGX_HTTP_WALLARM_WEBSOCKET_NUMBER,
    NGX_HTTP_WALLARM_WEBSOCKET_RATE,         /* "10r/s" */
    NGX_HTTP_WALLARM_WEBSOCKET_MESSAGES
} ngx_http_wallarm_websocket_kind_e;

typedef struct {
    ngx_http_wallarm_websocket_kind_e  kind;
    size_t                             min;
    size_t                             max;
} ngx_http_wallarm_websocket_bounds_t;

extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_size;
extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_any_size;
extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_time;
extern ngx_http_wallarm_websocket_bounds_t
    ngx_http_wallarm_websocket_fragments;
extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_ratio;
extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_rate;
extern ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_messages;

char *ngx_http_wallarm_websocket_once(ngx_conf_t *cf, ngx_uint_t first);
/* "offset" is that in ngx_http_wallarm_websocket_limits_t, "post" the bounds */
char *ngx_http_wallarm_websocket_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_wallarm_websocket_merge_limits(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf);
char *ngx_http_wallarm_websocket_action(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_wallarm_websocket_merge_action(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf);


/* _zone.c */

/* for the "post" of a command */
extern ngx_uint_t  ngx_http_wallarm_websocket_ban_kind;
extern ngx_uint_t  ngx_http_wallarm_websocket_connections_kind;
extern ngx_uint_t  ngx_http_wallarm_websocket_rate_kind;

char *ngx_http_wallarm_websocket_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* "offset" is that of an array in ngx_http_wallarm_websocket_loc_conf_t */
char *ngx_http_wallarm_websocket_use_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_wallarm_websocket_ban(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
void ngx_http_wallarm_websocket_offence(ngx_http_wallarm_websocket_ctx_t *ctx);
ngx_int_t ngx_http_wallarm_websocket_connections(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
char *ngx_http_wallarm_websocket_check_rates(ngx_conf_t *cf,
    ngx_array_t *rates);
char *ngx_http_wallarm_websocket_max_age(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_wallarm_websocket_merge_age(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf);
ngx_int_t ngx_http_wallarm_websocket_expired(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
ngx_int_t ngx_http_wallarm_websocket_age(ngx_http_wallarm_websocket_ctx_t *ctx);
ngx_int_t ngx_http_wallarm_websocket_pace(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_unpace(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_limit_request(
    ngx_http_wallarm_websocket_ctx_t *ctx, size_t bytes, uint32_t *rated);
void ngx_http_wallarm_websocket_limit_rate(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res);


/* _control.c */

char *ngx_http_wallarm_websocket_control(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_wallarm_websocket_control_init(
    ngx_wallarm_websocket_conf_t *wcf);
void ngx_http_wallarm_websocket_control_add(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_control_remove(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_control_count(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res);


/* _policy.c */

/* for the "post" of a command */
extern ngx_uint_t  ngx_http_wallarm_websocket_single;
extern ngx_uint_t  ngx_http_wallarm_websocket_list;
extern ngx_uint_t  ngx_http_wallarm_websocket_every;

char *ngx_http_wallarm_websocket_statement(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_wallarm_websocket_statement_file(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_wallarm_websocket_statement_file1(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_wallarm_websocket_merge_policy(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf);
ngx_int_t ngx_http_wallarm_websocket_add_policy(
    ngx_wallarm_websocket_conf_t *wcf,
    ngx_http_wallarm_websocket_policy_t *policy, ngx_uint_t in_use);
ngx_int_t ngx_http_wallarm_websocket_check_policies(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf, ngx_str_t *path);
void ngx_http_wallarm_websocket_init_policies(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf);


/* _reload.c */

void ngx_http_wallarm_websocket_reload_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf);
void ngx_http_wallarm_websocket_reload_done(ngx_log_t *log);


/* _handshake.c */

ngx_int_t ngx_http_wallarm_websocket_handshake_init(ngx_conf_t *cf);
/* also after an internal redirect, which clears the contexts of modules */
ngx_http_wallarm_websocket_ctx_t *ngx_http_wallarm_websocket_get_ctx(
    ngx_http_request_t *r);
ngx_http_wallarm_websocket_ctx_t *ngx_http_wallarm_websocket_create_ctx(
    ngx_http_request_t *r, ngx_http_wallarm_websocket_loc_conf_t *wlcf);
ngx_int_t ngx_http_wallarm_websocket_violate(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_hs_e what);
void ngx_http_wallarm_websocket_forget_variable(ngx_http_request_t *r,
    const char *name);
ngx_int_t ngx_http_wallarm_websocket_header(ngx_pool_t *pool,
    ngx_list_t *headers, const char *name, ngx_str_t *value);
void ngx_http_wallarm_websocket_rules(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_rules_t *rules);


/* _offer.c */

char *ngx_http_wallarm_websocket_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_wallarm_websocket_subprotocol(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_wallarm_websocket_offer(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);


/* _fallback.c */

ngx_int_t ngx_http_wallarm_websocket_fallback_init(ngx_conf_t *cf);
ngx_int_t ngx_http_wallarm_websocket_request(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf);
void ngx_http_wallarm_websocket_request_result(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res);
void ngx_http_wallarm_websocket_request_done(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res);


/* _tap.c */

ngx_uint_t ngx_http_wallarm_websocket_undelivered(
    ngx_http_wallarm_websocket_dir_t *d);
ngx_int_t ngx_http_wallarm_websocket_tap(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_untap(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_forget(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_uninspected(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t reason);
void ngx_http_wallarm_websocket_counts(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_dir_t *d,
    ngx_http_wallarm_websocket_result_t *res);
void ngx_http_wallarm_websocket_result(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res);
void ngx_http_wallarm_websocket_blind(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction);
void ngx_http_wallarm_websocket_wake(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_discard(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction);
ngx_event_t *ngx_http_wallarm_websocket_timer(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_event_handler_pt handler);


/* _budget.c */

void ngx_http_wallarm_websocket_account(ngx_http_wallarm_websocket_ctx_t *ctx,
    size_t before, size_t after);
void ngx_http_wallarm_websocket_place(ngx_http_wallarm_websocket_ctx_t *ctx);
ngx_uint_t ngx_http_wallarm_websocket_over_budget(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction);


/* _verdict.c */

ngx_int_t ngx_http_wallarm_websocket_verdict_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf);
void ngx_http_wallarm_websocket_verdict_exit(ngx_cycle_t *cycle);
ngx_int_t ngx_http_wallarm_websocket_register(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_unregister(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_drop(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t close_code);
ngx_uint_t ngx_http_wallarm_websocket_drop_finish(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_failed(ngx_http_wallarm_websocket_ctx_t *ctx);


/* _event_log.c */

char *ngx_http_wallarm_websocket_event_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
size_t ngx_http_wallarm_websocket_log_payload(ngx_array_t *logs);
ngx_int_t ngx_http_wallarm_websocket_default_event_log(ngx_conf_t *cf,
    ngx_array_t **logs);
ngx_int_t ngx_http_wallarm_websocket_meta(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_meta_t *meta);
void ngx_http_wallarm_websocket_events(ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_connection_event(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t ended);
ngx_int_t ngx_http_wallarm_websocket_event_logs_init(ngx_cycle_t *cycle);
void ngx_http_wallarm_websocket_summaries(ngx_cycle_t *cycle, ngx_uint_t all);
void ngx_http_wallarm_websocket_orphan_events(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_log_t *log);


/* _status.c */

char *ngx_http_wallarm_websocket_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_wallarm_websocket_zone_label(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_wallarm_websocket_status_loaded(
    ngx_wallarm_websocket_conf_t *wcf);
void ngx_http_wallarm_websocket_status_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf);
void ngx_http_wallarm_websocket_status_exit(void);
/* wlcf: whose label, NULL: none */
void ngx_http_wallarm_websocket_status_add(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf, ngx_uint_t counter,
    ngx_uint_t n);
void ngx_http_wallarm_websocket_status_set(ngx_uint_t gauge, size_t value);
void ngx_http_wallarm_websocket_status_connection(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_status_closed(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_status_dropped(
    ngx_http_wallarm_websocket_ctx_t *ctx);
void ngx_http_wallarm_websocket_status_refused(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf, ngx_uint_t polling,
    const char *reason);
void ngx_http_wallarm_websocket_status_events(void);
void ngx_http_wallarm_websocket_status_event(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_event_t *event);
void ngx_http_wallarm_websocket_status_result(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_http_wallarm_websocket_result_t *res);


/* _variables.c */

/* the first is of those that are none of the others, the last is empty */
extern ngx_str_t  ngx_http_wallarm_websocket_types[];

ngx_uint_t ngx_http_wallarm_websocket_type(u_char *type);

ngx_int_t ngx_http_wallarm_websocket_add_variables(ngx_conf_t *cf);


#endif /* _NGX_HTTP_WALLARM_WEBSOCKET_H_INCLUDED_ */
