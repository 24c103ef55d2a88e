<?php
enum Suit: string { case Hearts = "H"; case Spades = "S"; }
interface Shape { public function area(): float; }
final class Circle implements Shape {
	public function __construct(private readonly float $r) {}
	public function area(): float { return round(M_PI * $this->r ** 2, 3); }
	public function __destruct() { echo "gone\n"; }
}
$c = new Circle(2);
echo $c->area(), " ", Suit::from("H")->name, " ", match (true) { $c instanceof Shape => "shape", default => "?" }, "\n";
function gen() { $x = yield 1; echo "got $x\n"; yield from [2, 3]; return 4; }
$g = gen();
echo $g->current(), $g->send("sent"), "\n";
$c->r = 5;
