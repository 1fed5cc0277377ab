// Package alerts is the table of alerts about a gateway, and the small evaluator that
// watches some of them on the gateway itself.
//
// # One table, two readers
//
// Table says of each alert what is compared with which bound, for how long, how urgent it
// is and what to do. Rules writes it as the rules that Prometheus and vmalert evaluate,
// board/monitoring/rules.yml; a test fails while that file differs. Watch evaluates the
// rows that a gateway can judge alone, from the same snapshot that /metrics shows, for
// gateways that nobody scrapes: package gateway tells them as events of kind alert.
//
// What the gateway tells as another event anyway has no second one here: a lost queue, a
// model that does not fit, a broker that refuses messages, faults of sensors and buses.
// That the agent itself is down is told by its last will.
//
// # Joins
//
// No series but build_info carries the name of the gateway. Each rule therefore joins
// build_info by job and instance, so that who is paged reads which gateway it is. The
// maximum over versions keeps the join valid while an old and a new build_info overlap.
//
// Names of metrics are those of package status; a test finds each in a real scrape.
package alerts
