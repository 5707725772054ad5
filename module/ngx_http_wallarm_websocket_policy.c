
/*
 * Directives that the engine alone understands.  They are kept as they stand;
 * a child that loads the engine tells whether they are right, since the master
 * must not, and each worker gives them to its engine.
 */


#include "ngx_http_wallarm_websocket.h"

#include <grp.h>
#include <poll.h>
#include <sys/wait.h>


/* what the child may say, and how long it may think, in milliseconds */
#define NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT     65536
#define NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TIMEOUT  30000


static ngx_http_wallarm_websocket_policy_t *
    ngx_http_wallarm_websocket_create_policy(ngx_pool_t *pool, ngx_uint_t n);
static ngx_uint_t ngx_http_wallarm_websocket_policy_has(
    ngx_http_wallarm_websocket_policy_t *policy, ngx_str_t *name);
static void ngx_http_wallarm_websocket_policy_child(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf, ngx_str_t *path, ngx_fd_t fd);
static void ngx_http_wallarm_websocket_policy_say(ngx_str_t *text, u_char *p,
    u_char *last);
static ssize_t ngx_http_wallarm_websocket_policy_read(ngx_cycle_t *cycle,
    ngx_fd_t fd, u_char *buf, size_t size);
static ngx_int_t ngx_http_wallarm_websocket_policy_log(ngx_log_t *log,
    u_char *buf, size_t len);


/* given once */
ngx_uint_t  ngx_http_wallarm_websocket_single =
                NGX_HTTP_WALLARM_WEBSOCKET_SINGLE;

/* given several times; those of an inner level replace the outer ones */
ngx_uint_t  ngx_http_wallarm_websocket_list = NGX_HTTP_WALLARM_WEBSOCKET_LIST;

/* given several times; those of an inner level come behind the outer ones */
ngx_uint_t  ngx_http_wallarm_websocket_every = NGX_HTTP_WALLARM_WEBSOCKET_EVERY;


char *
ngx_http_wallarm_websocket_statement(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_str_t                               *value;
    ngx_http_wallarm_websocket_statement_t  *st;

    if (wlcf->policy == NULL) {
        wlcf->policy = ngx_http_wallarm_websocket_create_policy(cf->pool, 4);
        if (wlcf->policy == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    if (*(ngx_uint_t *) cmd->post == NGX_HTTP_WALLARM_WEBSOCKET_SINGLE
        && ngx_http_wallarm_websocket_policy_has(wlcf->policy, &value[0]))
    {
        return "is duplicate";
    }

    st = ngx_array_push(&wlcf->policy->statements);
    if (st == NULL) {
        return NGX_CONF_ERROR;
    }

    st->name = value[0];
    st->nargs = cf->args->nelts - 1;
    st->kind = *(ngx_uint_t *) cmd->post;
    st->file = cf->conf_file->file.name;
    st->line = cf->conf_file->line;

    st->args = ngx_palloc(cf->pool, st->nargs * sizeof(ngx_str_t));
    if (st->args == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(st->args, value + 1, st->nargs * sizeof(ngx_str_t));

    return NGX_CONF_OK;
}


/* the last word is a file, which is relative to the configuration */

char *
ngx_http_wallarm_websocket_statement_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[cf->args->nelts - 1], 1)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_wallarm_websocket_statement(cf, cmd, conf);
}


/* the first word is */

char *
ngx_http_wallarm_websocket_statement_file1(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_wallarm_websocket_statement(cf, cmd, conf);
}


/* the statements of the outer level that hold here, then those of this one */

char *
ngx_http_wallarm_websocket_merge_policy(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf)
{
    ngx_uint_t                               i;
    ngx_http_wallarm_websocket_policy_t     *policy;
    ngx_http_wallarm_websocket_statement_t  *st, *outer;

    if (prev->policy == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->policy == NULL) {
        conf->policy = prev->policy;
        return NGX_CONF_OK;
    }

    policy = ngx_http_wallarm_websocket_create_policy(cf->pool,
                                     prev->policy->statements.nelts
                                     + conf->policy->statements.nelts);
    if (policy == NULL) {
        return NGX_CONF_ERROR;
    }

    outer = prev->policy->statements.elts;

    for (i = 0; i < prev->policy->statements.nelts; i++) {

        if (outer[i].kind != NGX_HTTP_WALLARM_WEBSOCKET_EVERY
            && ngx_http_wallarm_websocket_policy_has(conf->policy,
                                                     &outer[i].name))
        {
            continue;
        }

        st = ngx_array_push(&policy->statements);
        if (st == NULL) {
            return NGX_CONF_ERROR;
        }

        *st = outer[i];
    }

    st = ngx_array_push_n(&policy->statements,
                          conf->policy->statements.nelts);
    if (st == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(st, conf->policy->statements.elts,
               conf->policy->statements.nelts
               * sizeof(ngx_http_wallarm_websocket_statement_t));

    conf->policy = policy;

    return NGX_CONF_OK;
}


/* for the child to know it, and the workers if it is in use */

ngx_int_t
ngx_http_wallarm_websocket_add_policy(ngx_wallarm_websocket_conf_t *wcf,
    ngx_http_wallarm_websocket_policy_t *policy, ngx_uint_t in_use)
{
    ngx_http_wallarm_websocket_policy_t  **p;

    if (policy == NULL) {
        return NGX_OK;
    }

    policy->in_use |= in_use;

    if (policy->known) {
        return NGX_OK;
    }

    p = ngx_array_push(&wcf->policies);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = policy;
    policy->known = 1;

    return NGX_OK;
}


static ngx_http_wallarm_websocket_policy_t *
ngx_http_wallarm_websocket_create_policy(ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_http_wallarm_websocket_policy_t  *policy;

    policy = ngx_pcalloc(pool, sizeof(ngx_http_wallarm_websocket_policy_t));

    if (policy == NULL
        || ngx_array_init(&policy->statements, pool, n,
                          sizeof(ngx_http_wallarm_websocket_statement_t))
           != NGX_OK)
    {
        return NULL;
    }

    return policy;
}


static ngx_uint_t
ngx_http_wallarm_websocket_policy_has(
    ngx_http_wallarm_websocket_policy_t *policy, ngx_str_t *name)
{
    ngx_uint_t                               i;
    ngx_http_wallarm_websocket_statement_t  *st;

    st = policy->statements.elts;

    for (i = 0; i < policy->statements.nelts; i++) {
        if (st[i].name.len == name->len
            && ngx_strncmp(st[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* asks the engine in a child, as the workers' user: rule files must be readable
   by it */

ngx_int_t
ngx_http_wallarm_websocket_check_policies(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf, ngx_str_t *path)
{
    int        status, fd[2];
    pid_t      pid;
    u_char    *buf;
    ssize_t    n;
    sigset_t   set, old;
    ngx_int_t  rc;

    if (wcf->policies.nelts == 0) {
        return NGX_OK;
    }

    buf = ngx_alloc(NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT, cycle->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (pipe(fd) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "wallarm: pipe() failed");
        ngx_free(buf);
        return NGX_ERROR;
    }

    /* the master would take the child for one of its own */

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, &old);

    status = -1;
    rc = NGX_ERROR;

    pid = fork();

    if (pid == 0) {
        (void) close(fd[0]);
        ngx_http_wallarm_websocket_policy_child(cycle, wcf, path, fd[1]);
        /* does not return */
    }

    if (pid == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "wallarm: fork() failed");
    }

    (void) close(fd[1]);

    if (pid != -1) {
        n = ngx_http_wallarm_websocket_policy_read(cycle, fd[0], buf,
                                     NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT);
        if (n == -1) {
            (void) kill(pid, SIGKILL);
            n = 0;
        }

        while (waitpid(pid, &status, 0) == -1 && ngx_errno == NGX_EINTR) {
            /* void */
        }

        rc = ngx_http_wallarm_websocket_policy_log(cycle->log, buf, n);

        if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {

            if (rc == NGX_OK) {
                ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                              "wallarm: a directive is wrong, and there are "
                              "too many warnings to say which");
                rc = NGX_ERROR;
            }

        } else if (status != 0) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "wallarm: directives could not be checked: "
                          "the child that loaded \"%V\" ended with status %d",
                          path, status);
            rc = NGX_ERROR;
        }
    }

    (void) close(fd[0]);
    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    ngx_free(buf);

    return rc;
}


static void
ngx_http_wallarm_websocket_policy_child(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf, ngx_str_t *path, ngx_fd_t fd)
{
    size_t                                 len;
    u_char                                *buf, *p;
    ssize_t                                n;
    ngx_str_t                              text;
    ngx_uint_t                             i, wrong;
    ngx_core_conf_t                       *ccf;
    ngx_http_wallarm_websocket_policy_t  **policies;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() == 0 && ccf->user != 0
        && ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && (setgid(ccf->group) == -1
            || initgroups(ccf->username, ccf->group) == -1
            || setuid(ccf->user) == -1))
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "wallarm: setuid(%d) failed", ccf->user);
        _exit(2);
    }

    buf = ngx_alloc(2 * NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT, cycle->log);

    if (buf == NULL
        || ngx_http_wallarm_websocket_bridge_attach(path, cycle->log)
           != NGX_OK)
    {
        _exit(2);
    }

    text.data = buf + NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT;
    text.len = 0;

    wrong = 0;
    policies = wcf->policies.elts;

    for (i = 0; i < wcf->policies.nelts; i++) {

        if (ngx_http_wallarm_websocket_bridge_policy(policies[i], buf,
                          NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT, &len,
                          cycle->log)
            == 0)
        {
            wrong = 1;
        }

        ngx_http_wallarm_websocket_policy_say(&text, buf, buf + len);
    }

    for (p = text.data; p < text.data + text.len; p += n) {
        n = write(fd, p, text.data + text.len - p);

        if (n == -1) {
            _exit(2);
        }
    }

    _exit(wrong);
}


/* a statement of an outer level is wrong in every location, but said once; the
   lines that have no room are left out */

static void
ngx_http_wallarm_websocket_policy_say(ngx_str_t *text, u_char *p, u_char *last)
{
    size_t   len;
    u_char  *q, *end;

    for ( /* void */ ; p < last; p += len) {

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            return;
        }

        len = end + 1 - p;
        end = text->data + text->len;

        for (q = text->data; q < end; q++) {
            if ((q == text->data || q[-1] == LF)
                && len <= (size_t) (end - q)
                && ngx_memcmp(q, p, len) == 0)
            {
                break;
            }
        }

        if (q == end
            && len <= NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TEXT - text->len)
        {
            ngx_memcpy(q, p, len);
            text->len += len;
        }
    }
}


static ssize_t
ngx_http_wallarm_websocket_policy_read(ngx_cycle_t *cycle, ngx_fd_t fd,
    u_char *buf, size_t size)
{
    size_t         len;
    ssize_t        n;
    u_char         rest[1024];
    struct pollfd  pfd;

    len = 0;
    pfd.fd = fd;
    pfd.events = POLLIN;

    for ( ;; ) {

        switch (poll(&pfd, 1, NGX_HTTP_WALLARM_WEBSOCKET_POLICY_TIMEOUT)) {

        case 0:
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "wallarm: the check of directives took too long");
            return -1;

        case -1:
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "wallarm: poll() failed");
            return -1;
        }

        /* what does not fit is read too, or the child would wait for ever */

        n = len < size ? read(fd, buf + len, size - len)
                       : read(fd, rest, sizeof(rest));

        if (n == 0) {
            return len;
        }

        if (n == -1) {
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "wallarm: read() failed");
            return -1;
        }

        len = ngx_min(len + n, size);
    }
}


static ngx_int_t
ngx_http_wallarm_websocket_policy_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char     *p, *end, *last;
    ngx_int_t   rc;
    ngx_uint_t  level;

    rc = NGX_OK;
    last = buf + len;

    for (p = buf; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        if (end - p < 2) {
            continue;
        }

        level = NGX_LOG_WARN;

        if (*p == 'e') {
            level = NGX_LOG_EMERG;
            rc = NGX_ERROR;
        }

        ngx_log_error(level, log, 0, "%*s", (size_t) (end - p - 1), p + 1);
    }

    return rc;
}


/* in a worker, whose engine is loaded */

void
ngx_http_wallarm_websocket_init_policies(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf)
{
    size_t                                 len;
    u_char                                 buf[2048];
    ngx_uint_t                             i;
    ngx_http_wallarm_websocket_policy_t  **policies;

    policies = wcf->policies.elts;

    for (i = 0; i < wcf->policies.nelts; i++) {

        if (!policies[i]->in_use) {
            continue;
        }

        policies[i]->number = ngx_http_wallarm_websocket_bridge_policy(
                                              policies[i], buf, sizeof(buf),
                                              &len, cycle->log);

        if (policies[i]->number == 0) {
            ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                          "wallarm: a location is inspected without the "
                          "directives that the engine refused: %*s",
                          len, buf);
        }
    }
}
