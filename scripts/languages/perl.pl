# Perl, Mojolicious.  The contract of all clients is in README.md.

use strict;
use warnings;

use Digest::SHA 'sha256_hex';
use MIME::Base64 'decode_base64';
use Mojo::IOLoop;
use Mojo::UserAgent;
use Mojolicious;

$| = 1;

my ($url, $file) = @ARGV;

open my $in, '<', $file or die "$file: $!\n";
chomp(my @lines = <$in>);

printf "client Perl %vd Mojolicious %s\n", $^V, Mojolicious->VERSION;

sub show {
    my ($kind, $data) = @_;
    print "$kind ", length($data), ' ', sha256_hex($data), "\n";
}

sub step {
    my $tx = shift;
    my ($op, @rest) = split / /, shift(@lines), -1;
    my @data = map { decode_base64($_) } @rest;

    # In an array: FIN, RSV1 to RSV3, opcode, payload.
    if ($op eq 'text') {
        $tx->send({ text => $data[0] });

    } elsif ($op eq 'binary' && $data[0] eq '') {
        # Compressed behind others, Mojolicious 9.31 would send no byte at all,
        # which breaks the server's inflater.
        $tx->send([1, 0, 0, 0, 2, '']);

    } elsif ($op eq 'binary') {
        $tx->send({ binary => $data[0] });

    } elsif ($op eq 'fragments') {
        $tx->send([$_ == $#data, 0, 0, 0, $_ ? 0 : 1, $data[$_]]) for 0 .. $#data;

    } elsif ($op eq 'ping') {
        $tx->send([1, 0, 0, 0, 9, $data[0]]);

    } else {
        # finish() would close the connection without waiting for the answer
        $tx->send([1, 0, 0, 0, 8, pack('n a*', $rest[0], $data[1])]);
    }
}

my $agent = Mojo::UserAgent->new;

$agent->websocket(
    $url => { 'Sec-WebSocket-Extensions' => 'permessage-deflate' },
    ['chat', 'echo'] => sub {
        my $tx = pop;

        if (!$tx->is_websocket) {
            my $error = $tx->error;
            print STDERR "no WebSocket: $error->{message}\n";
            return Mojo::IOLoop->stop;
        }

        print 'open ', $tx->protocol // '-', ' ',
            $tx->compressed ? 'permessage-deflate' : '-', "\n";

        $tx->max_websocket_size(2 ** 22);
        $tx->on(text => sub { show('text', $_[1]); step($tx) });
        $tx->on(binary => sub { show('binary', $_[1]); step($tx) });
        $tx->on(frame => sub {
            my ($op, $data) = @{$_[1]}[4, 5];

            if ($op == 10) {
                show('pong', $data);
                step($tx);

            } elsif ($op == 8) {
                my ($code, $reason) = unpack 'n a*', $data;
                print 'close ', $code // 1005, ' ', $reason // '', "\n";
                exit 0;
            }
        });
        $tx->on(finish => sub { Mojo::IOLoop->stop });
        step($tx);
    });

Mojo::IOLoop->start;
die "no Close was received\n";
