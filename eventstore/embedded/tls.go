package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	caFile        = "ca.crt"
	caKeyFile     = "ca.key"
	serverFile    = "server.crt"
	serverKeyFile = "server.key"
	certValidity  = 10 * 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
)

// loadTLS returns the server's certificate and the path of the authority that clients are to trust. Both are
// made on first use, for the names and addresses of this machine's loopback.
func loadTLS(dir string) (tls.Certificate, string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, "", fmt.Errorf("creating the certificate folder: %w", err)
	}
	authority := filepath.Join(dir, caFile)
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, serverFile), filepath.Join(dir, serverKeyFile))
	if err == nil && time.Until(cert.Leaf.NotAfter) > renewBefore {
		return cert, authority, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return tls.Certificate{}, "", fmt.Errorf("loading the server certificate: %w", err)
	}
	if err := createTLS(dir); err != nil {
		return tls.Certificate{}, "", fmt.Errorf("creating certificates: %w", err)
	}
	cert, err = tls.LoadX509KeyPair(filepath.Join(dir, serverFile), filepath.Join(dir, serverKeyFile))
	return cert, authority, err
}

// createTLS writes a fresh authority and a server certificate of it. The server's files come last: a crash
// in between leaves none, and the next start begins anew.
func createTLS(dir string) error {
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "eventstored local authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	caCert, caKey, err := issue(ca, nil, nil)
	if err != nil {
		return err
	}
	server := &x509.Certificate{Subject: pkix.Name{CommonName: "eventstored"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	serverCert, serverKey, err := issue(server, caCert, caKey)
	if err != nil {
		return err
	}
	return errors.Join(
		writeCert(filepath.Join(dir, caFile), caCert), writeKey(filepath.Join(dir, caKeyFile), caKey),
		writeKey(filepath.Join(dir, serverKeyFile), serverKey), writeCert(filepath.Join(dir, serverFile), serverCert))
}

// issue signs a certificate with the parent's key, or with its own when there is no parent.
func issue(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(certValidity)
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func writeCert(path string, cert *x509.Certificate) error {
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o644)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// writeFile replaces a file as a whole, so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed, as it should
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
