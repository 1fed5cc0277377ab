// Package commission is what one does before trusting a configuration: read every
// sensor once, look for chips on an I2C bus, find out what a Modbus device is and what
// its registers mean, propose a configuration of all that, and record rows.
//
// It does not parse the command line, and it neither learns nor judges. It never
// writes to a Modbus device; on I2C it writes only what reading needs. Package
// devices makes the sensors and knows how a chip is identified; package
// drivers/modbus/guess says what a register may be.
//
// # A Modbus scan is gentle
//
// It makes at most 50 requests a second, for at most 1000 registers or 2000 bits. A
// block that the device refuses is asked for again in halves, the last few registers
// one by one. A range that stays silent is not asked for again and again, and
// neither is a table that the device does not have.
//
// # Advice
//
// After an error, Read and ScanModbus say what to try, for a person who reads the
// device for the first time.
package commission
