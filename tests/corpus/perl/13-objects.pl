package Animal;
sub new { my ($class, %a) = @_; bless {%a}, $class }
sub speak { my $self = shift; sprintf "%s says %s", $self->{name}, $self->sound }
sub DESTROY { print "gone: $_[0]{name}\n" }
package Dog;
our @ISA = ("Animal");
sub sound { "woof" }
package main;
{
	my $d = Dog->new(name => "Rex");
	print $d->speak, " ", ref $d, " ", $d->can("fly") ? 1 : 0, "\n";
}
my @sorted = map { $_->[0] } sort { $a->[1] <=> $b->[1] or $a->[0] cmp $b->[0] } map { [$_, length] } qw(pear fig apple kiwi);
print "@sorted @sorted[0, 1]\n";
print Dog->nothing;
