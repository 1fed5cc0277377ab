package homeassistant

import "encoding/json"

// entity is one component of a device, with the abbreviated keys of discovery. One with
// a platform alone removes the entity.
type entity struct {
	Platform string   `json:"p"`
	Name     string   `json:"name,omitempty"`
	Unique   string   `json:"uniq_id,omitempty"`
	Avail    string   `json:"avty_t,omitempty"`
	Topic    string   `json:"stat_t,omitempty"`
	Template string   `json:"val_tpl,omitempty"`
	Class    string   `json:"dev_cla,omitempty"`
	State    string   `json:"stat_cla,omitempty"`
	Unit     string   `json:"unit_of_meas,omitempty"`
	Options  []string `json:"ops,omitempty"`
	Types    []string `json:"evt_typ,omitempty"`
	On       string   `json:"pl_on,omitempty"`
	Off      string   `json:"pl_off,omitempty"`
	Attrs    string   `json:"json_attr_t,omitempty"`
	Expire   int      `json:"exp_aft,omitempty"` // seconds
	Category string   `json:"ent_cat,omitempty"`
	Enabled  *bool    `json:"en,omitempty"` // nil = enabled
}

// device is a discovery message.
type device struct {
	Device   deviceInfo        `json:"dev"`
	Origin   origin            `json:"o"`
	Avail    string            `json:"avty_t,omitempty"` // of entities that name none
	Topic    string            `json:"stat_t,omitempty"` // of entities that name none
	Entities map[string]entity `json:"cmps"`
	QoS      int               `json:"qos"`
}

type deviceInfo struct {
	IDs          []string `json:"ids"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"mf"`
	Model        string   `json:"mdl"`
	Version      string   `json:"sw,omitempty"`
	URL          string   `json:"cu,omitempty"`
	Via          string   `json:"via_device,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw"`
}

// Device is the discovery message of one device.
type Device struct {
	Topic    string
	Entities map[string]string // identifier -> platform
	Left     int               // channels that have no entity, because there are too many

	message device
}

// Payload is the message; entities of before that the device has no more are in it
// with their platform alone, which removes them.
func (d *Device) Payload(before map[string]string) []byte {
	m := d.message
	m.Entities = make(map[string]entity, len(d.message.Entities))
	for id, e := range d.message.Entities {
		m.Entities[id] = e
	}
	for id, platform := range before {
		if _, stays := m.Entities[id]; !stays {
			m.Entities[id] = entity{Platform: platform}
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // structs of strings and numbers
	}
	return b
}
