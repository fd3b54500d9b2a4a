-- Ends the writing of logs for a request, before any was written: see part-quiet.conf.
require 'apache2'

function quiet(r)
	return apache2.DONE
end
