-- Keeps a request out of every log: part.conf asks for it, for our paths only.
require 'apache2'

function quiet(r)
	return apache2.DONE
end
