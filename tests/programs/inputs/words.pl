# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use Digest::SHA qw(sha256_hex sha1_hex);
use Digest::MD5 qw(md5_hex);
use POSIX qw(floor fmod strtod);

my (%count, $text);
$text .= chr(97 + $_ * $_ % 26) . ($_ % 7 ? '' : ' ') for 1 .. 30000;
$count{$_}++ for split / /, $text;
my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
print join(' ', map { "$_=$count{$_}" } @top), "\n";
(my $upper = $text) =~ s/([aeiou]+)(\w)/\U$1\E-$2/g;
print sha256_hex($upper), ' ', sha1_hex($text), ' ', md5_hex($upper), "\n";
printf "%.17g %.17g %.17g %s\n", sin(1e6) ** 2, exp(-20.5), fmod(1e17, 7.25), floor(-2.5);
printf "%s %s\n", pack('w/a* n N d>', 'abc', 65535, 1 << 31, 0.1) =~ s/(.)/sprintf '%02x', ord $1/gers,
    join ',', unpack 'q< s> f<', pack 'q< s> f<', -5, -2, 1.5;
