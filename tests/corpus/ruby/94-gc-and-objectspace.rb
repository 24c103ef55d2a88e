GC.start
GC.compact if GC.respond_to?(:compact)
GC.stress = false
p GC.count.positive?, ObjectSpace.each_object(Class).first.class, GC.disable, GC.enable
require "weakref"
ref = WeakRef.new(Object.new)
p ref.weakref_alive?.nil? || true
