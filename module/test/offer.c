/*
 * What parses a handshake's Origin and its lists, against a table and against
 * random bytes: "make test-module".  Built with AddressSanitizer; each input
 * stands alone on the heap, so that a read beyond it is seen.  With libFuzzer
 * (-DFUZZ -fsanitize=fuzzer) the bytes are its own.
 */


#include "../ngx_http_wallarm_websocket_offer.c"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>


#define CHECK(cond)                                                           \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                          \
        }                                                                     \
    } while (0)


/* NGINX's, of which a distribution has the headers only */

ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    if (n == 0 || n > 18) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        if (*line < '0' || *line > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


static ngx_uint_t
inside(ngx_str_t *part, ngx_str_t *s)
{
    return part->len == 0
           || (part->data >= s->data
               && part->data + part->len <= s->data + s->len);
}


static ngx_uint_t
only(ngx_str_t *s, const char *more)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (!isalnum(s->data[i]) && (s->data[i] == '\0'
                                     || strchr(more, s->data[i]) == NULL))
        {
            return 0;
        }
    }

    return 1;
}


/* what holds of any bytes */

static void
one(const uint8_t *data, size_t size)
{
    size_t                               n, left;
    u_char                              *p;
    ngx_str_t                            s, list, element;
    ngx_uint_t                           pattern;
    ngx_http_wallarm_websocket_triple_t  o, again;

    p = malloc(size ? size : 1);
    CHECK(p != NULL);
    memcpy(p, data, size);

    s.data = p;
    s.len = size;

    for (pattern = 0; pattern < 2; pattern++) {

        if (ngx_http_wallarm_websocket_parse_origin(&s, &o, pattern)
            != NGX_OK)
        {
            continue;
        }

        CHECK(inside(&o.scheme, &s) && o.scheme.len != 0);
        CHECK(only(&o.scheme, "+-.") && isalpha(o.scheme.data[0]));
        CHECK(inside(&o.host, &s));
        CHECK(only(&o.host, o.host.len && o.host.data[0] == '[' ? "[]:."
                                                                : "-._"));
        CHECK(o.port <= 65535);
        CHECK(pattern || (!o.wildcard && !o.any_port));

        /* what a browser says is a pattern of itself */

        CHECK(pattern
              || (ngx_http_wallarm_websocket_parse_origin(&s, &again, 1)
                  == NGX_OK
                  && again.port == o.port && again.host.len == o.host.len));
    }

    list = s;

    for (n = 0, left = size + 1;
         ngx_http_wallarm_websocket_element(&list, &element);
         n++)
    {
        CHECK(inside(&element, &s) && element.len != 0);
        CHECK(memchr(element.data, ',', element.len) == NULL);
        CHECK(list.len < left);
        left = list.len;
    }

    CHECK(n <= size);

    free(p);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    one(data, size);
    return 0;
}


#ifndef FUZZ

static struct {
    const char  *text;
    ngx_uint_t   pattern;
    ngx_int_t    rc;
    const char  *scheme;
    const char  *host;
    ngx_uint_t   port;
    ngx_uint_t   flags;                      /* 1: wildcard, 2: any port */
} origins[] = {
    { "https://example.com", 0, NGX_OK, "https", "example.com", 443, 0 },
    { "HTTP://Example.COM:8080", 0, NGX_OK, "HTTP", "Example.COM", 8080, 0 },
    { "http://[::1]:80", 0, NGX_OK, "http", "[::1]", 80, 0 },
    { "chrome-extension://abc", 0, NGX_OK, "chrome-extension", "abc", 0, 0 },
    { "file://", 0, NGX_OK, "file", "", 0, 0 },
    { "https://*.example.com", 1, NGX_OK, "https", ".example.com", 443, 1 },
    { "https://a:*", 1, NGX_OK, "https", "a", 443, 2 },
    { "https://*.example.com", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a:*", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://*..com", 1, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://*.", 1, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://:443", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https:/a", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "://a", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "1http://a", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a/", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a@b", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a, https://b", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a:0", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a:65536", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a:", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://a:99999999999999999999", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://[::1", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://[::1]x", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "https://[example]", 0, NGX_ERROR, NULL, NULL, 0, 0 },
    { "", 0, NGX_ERROR, NULL, NULL, 0, 0 },
};


static ngx_uint_t
is(ngx_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


int
main(int argc, char **argv)
{
    size_t                               i, n, size;
    uint8_t                              buf[64];
    uint64_t                             x;
    ngx_str_t                            s;
    unsigned long                        rounds;
    ngx_http_wallarm_websocket_triple_t  o;

    static const char  bytes[] = "https://*.[]:,-_ \t0169azAZ\"\\@/";

    for (i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        s.data = (u_char *) origins[i].text;
        s.len = strlen(origins[i].text);

        one(s.data, s.len);

        if (ngx_http_wallarm_websocket_parse_origin(&s, &o, origins[i].pattern)
            != origins[i].rc)
        {
            fprintf(stderr, "\"%s\" is taken for something else\n",
                    origins[i].text);
            return 1;
        }

        if (origins[i].rc == NGX_OK) {
            CHECK(is(&o.scheme, origins[i].scheme));
            CHECK(is(&o.host, origins[i].host));
            CHECK(o.port == origins[i].port);
            CHECK(o.wildcard == (origins[i].flags & 1));
            CHECK(o.any_port == (origins[i].flags >> 1));
        }
    }

    /* some row with some bytes changed, or bytes alone */

    rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    x = 88172645463325252ull;

#define NEXT(n)  (x ^= x << 13, x ^= x >> 7, x ^= x << 17, (size_t) (x % (n)))

    while (rounds--) {
        i = NEXT(sizeof(origins) / sizeof(origins[0]));
        size = ngx_min(strlen(origins[i].text), sizeof(buf));
        memcpy(buf, origins[i].text, size);

        for (n = NEXT(4); n > 0; n--) {
            switch (NEXT(3)) {

            case 0:
                size = NEXT(size + 1);
                break;

            case 1:
                size = ngx_min(size + 1 + NEXT(4), sizeof(buf));
                buf[size - 1] = bytes[NEXT(sizeof(bytes))];
                break;

            default:
                if (size) {
                    buf[NEXT(size)] = NEXT(4) ? bytes[NEXT(sizeof(bytes))]
                                              : (uint8_t) NEXT(256);
                }
            }
        }

        one(buf, size);
    }

    printf("ok   %d origins, and random bytes\n",
           (int) (sizeof(origins) / sizeof(origins[0])));

    return 0;
}

#endif
